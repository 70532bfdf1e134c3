"""A sweep file's meaning, and the arguments of the commands about it."""
