"""What the commands of the orchestrator have in common at a terminal: units, exit codes."""
