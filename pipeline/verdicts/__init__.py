"""What is said of finished runs: how they compare, and whether one may be promoted."""
