"""Judges the rule of one function of arrays: its backward pass, as a person
wrote it, against what JAX's own program gives without rounding."""

from gradsheet.vjp.checking import assert_vjp, check_vjp
from gradsheet.vjp.result import VJPCheck

__all__ = ["VJPCheck", "assert_vjp", "check_vjp"]
