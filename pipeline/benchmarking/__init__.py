"""What accuracy costs: a grid of configurations, each measured for its cost and its figures.

    grid --> plan of cells --a process each--> data, models --a process each--> cells.jsonl

Grids judge on the window before the test, so that the configuration that they recommend can be judged by the
test once.
"""
