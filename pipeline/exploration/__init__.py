"""`glowrank explore`: from a source to a page and its JSON twin, and what must be fitted to be measured."""
