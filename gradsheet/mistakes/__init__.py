"""Mistakes: the catalogue of them, what each would give, and which of them explain a sheet."""
