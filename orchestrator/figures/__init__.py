"""Pictures of what a sweep found: each takes a table and draws it, and computes no result."""
