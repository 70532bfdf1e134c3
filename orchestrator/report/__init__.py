"""What a sweep leaves for people: the front's files, the results, and remarks."""
