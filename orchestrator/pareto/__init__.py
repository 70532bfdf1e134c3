"""The front of a table: who may be on it, who is dominated, how much it holds, how sure it is."""
