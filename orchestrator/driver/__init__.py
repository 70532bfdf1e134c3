"""One start of a sweep: look before writing, hold, run, write results, tell."""
