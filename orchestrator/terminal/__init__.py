"""What the commands of the orchestrator share at a terminal: durations, counts, sizes."""
