"""Who is at work on what, by signs of life that arrive or fail to."""
