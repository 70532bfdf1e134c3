"""The columns of a table of trials: their numbers, their settings, their objectives."""
