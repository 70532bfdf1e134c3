"""What lies in the store: records with their checksum, their shapes, names and version."""
