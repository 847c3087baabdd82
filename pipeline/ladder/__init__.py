"""Who answers users of whom more and more is known: the ladder, and the backtest that sets it."""
