"""Which trials come next, and which end early."""
