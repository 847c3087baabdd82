"""Publishing: lists put where the shop reads them, all or nothing; one module a target."""
