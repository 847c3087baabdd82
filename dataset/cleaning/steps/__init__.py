"""The steps of cleaning, one idea a module."""
