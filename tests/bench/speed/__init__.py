"""How fast the trainer is beside what its arithmetic must cost, and beside other libraries."""
