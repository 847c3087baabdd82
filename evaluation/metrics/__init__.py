"""One measure of a list a module: what it means, where it comes from, how edge cases count."""
