"""The comparison of methods as it is recorded, in bits, and as `docs/comparison.md` shows it."""
