"""States of a model as files: checkpoints, and which files this user made."""
