"""Configuration files; a package, so that an installed command finds them."""
