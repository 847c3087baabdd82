"""What is in a retailer's data before anyone trains on it, one module a section of the page."""
