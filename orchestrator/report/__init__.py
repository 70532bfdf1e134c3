"""What a sweep leaves for people: the front's files, the results, the remarks beside them."""
