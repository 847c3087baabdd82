"""Ways to cut the data into past and future."""
