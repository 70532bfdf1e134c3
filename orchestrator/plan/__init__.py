"""From a sweep file and a store to the trials that are wanted, and what of them is left."""
