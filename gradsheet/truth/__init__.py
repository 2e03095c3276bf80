"""What is true, on the word of three witnesses: points and probes, and what asking them costs."""
