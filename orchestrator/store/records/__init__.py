"""What lies in the store: what a record is, its checksum, its name, and the version of it all."""
