"""How every command prints, logs and ends: one console, table, JSON, bar, log and exit code."""
