"""How good the lists are, and whether to believe it."""
