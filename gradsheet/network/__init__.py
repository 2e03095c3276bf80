"""What a sheet says of its network: shapes, activations, loss, and the numbers in it."""
