"""The commands: thin Hydra applications without logic."""
