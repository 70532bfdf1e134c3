"""The table of a plan's trials, its files, and evaluations that come later."""
