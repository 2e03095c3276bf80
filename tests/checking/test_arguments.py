"""Arguments that do not fit: what was found, what is expected and what to write."""

import re

import numpy as np
import pytest

import gradsheet
from tests.functions import RIGHT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (4,)}, "write (4, 5, 3, 2)"),
        ({"widths": (4, 0, 2)}, "widths is (4, 0, 2)"),
        ({"activations": ("relu",)}, "expected one name for each of the 3 layers"),
        (
            {"activations": ("relu", "rleu", "identity")},
            "activation 2 is 'rleu', expected one of identity",
        ),
        ({"loss": "mse"}, "loss is 'mse', expected one of half_squared_error"),
        ({"loss": "cross_entropy"}, "end with sigmoid or softmax"),
        ({"loss": "output"}, "needs a single output"),
        ({"reduction": "none"}, "expected one of mean, sum"),
        ({"batch": 0}, "batch is 0, expected a number of examples"),
        ({"biases": "none"}, "biases is 'none', expected 'units', 'shared', None"),
        ({"what": "hessian"}, "what is 'hessian', expected one of gradients"),
        ({"what": "jacobian", "of": "L"}, "of is 'L', expected a node of the network: z1, h1"),
        (
            {"dtype": "float8"},
            "dtype is 'float8', expected one of bfloat16, float16, float32, float64",
        ),
        (
            {"inputs_first": "yes"},
            "inputs_first is 'yes', expected True for W as (inputs, units), False, or None",
        ),
        ({"params": [(np.ones((2, 2)), None)]}, "x is None, expected all of params, x and y"),
        ({"params": [1, 2], "x": np.ones((2, 2))}, "params cannot be read as a list of (W, b)"),
        ({"widths": 4}, "widths is 4, expected whole numbers above 0"),
        ({"widths": "4532"}, "widths is '4532'"),
        ({"array": "torch"}, "array is 'torch', expected a function that makes fn's arrays"),
        ({"at_zero": "none"}, "at_zero is 'none', expected a number"),
        (
            {"fn": [1]},
            "fn is a list, expected a function of (params, x, y): pass it, do not call it",
        ),
        ({"widths": (True, True)}, "widths is (True, True)"),
        ({"activations": (None,) * 3}, "activation 1 is None, expected one of identity"),
        ({"activations": ("relu", (), "identity")}, "activation 2 is (), expected one of identity"),
        (
            {"activations": (("leaky_relu", "x"), "relu", "identity")},
            "activation 1 is ('leaky_relu', 'x')",
        ),
        ({"loss": ["mse"]}, "loss is ['mse'], expected one of"),
        ({"what": ["hvp"]}, "what is ['hvp'], expected one of"),
        ({"biases": True}, "biases is True, expected 'units'"),
        ({"biases": 5}, "biases is 5, expected 'units'"),
        (
            {
                "params": [(np.ones((2, 4)), None)],
                "x": np.full((1, 4), np.inf),
                "y": np.ones((1, 2)),
            },
            "x has an entry that is not finite",
        ),
    ],
)
def test_what_does_not_fit_is_said(options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        gradsheet.check(**{"fn": RIGHT, **options})
