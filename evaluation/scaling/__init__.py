"""What accuracy costs: from the cells of a benchmark to the configuration to run, and to sizes not yet seen.

    cells --> frontier, choice, growth, learning curve --> conclusions --> page, table

A cell is a mapping as `pipeline.benchmarking.cell` describes it.
"""
