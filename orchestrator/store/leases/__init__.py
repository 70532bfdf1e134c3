"""Who is at work on what, as signs of life that come or fail to come."""
