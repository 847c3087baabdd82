"""Why an item stands in a list: what the user has that is like it, what both share, what the model saw."""
