"""A model under a suite of attacks: outcomes, one bit an example, and what follows from them."""
