"""The report of a run: one HTML file, a template a section."""
