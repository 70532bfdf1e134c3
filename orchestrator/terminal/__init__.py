"""What the commands of the orchestrator share at a terminal: units and exit codes."""
