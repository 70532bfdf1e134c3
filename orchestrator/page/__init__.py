"""The page that people send on: one file, which a browser opens without any network."""
