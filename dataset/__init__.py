"""What the data is: tables, contracts, sources, cleaning, splits and the synthetic shop."""
