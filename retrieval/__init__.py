"""Stage one: from a catalogue to a few hundred candidates."""
