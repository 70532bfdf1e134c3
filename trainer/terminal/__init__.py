"""What every command prints with: one console, one table, one log."""
