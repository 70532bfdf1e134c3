"""What one worker does with one trial; it knows no Ray."""
