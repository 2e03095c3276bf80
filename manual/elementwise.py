"""Activations: every entry goes through a function by itself, and in a softmax
the entries of a row share out 1.

Where out = f(z) entry by entry, z_i stands in out_i alone, so

    dL/dz_i = f'(z_i) dL/dout_i                                            (1)

and an activation is its f and its f'. With s(z) = 1 / (1 + e^-z):

    relu        f = max(z, 0)              f' = 0 where z <= 0, else 1     (2)
    leaky_relu  f = z or slope z           f' = 1 where z > 0, else slope  (3)
    sigmoid     f = s(z)                   f' = s(z) s(-z)                 (4)
    tanh        f = 2 s(2z) - 1            f' = 4 s(2z) s(-2z)             (5)
    softplus    f = log(1 + e^z)           f' = s(z)                       (6)
    silu        f = z s(z)                 f' = s(z) (1 + z s(-z))         (7)
    gelu, none  f = z P(z)                 f' = P(z) + z p(z)              (8)
    gelu, tanh  f = z s(v(z))              f' = s(v) + z s'(v) v'(z)       (9)

P is the normal distribution function and p its density,

    P(z) = erfc(-z / sqrt 2) / 2,  p(z) = e^(-z^2 / 2) / sqrt(2 pi)       (10)

and v is what makes s(v) nearly P(z). It is printed as z/2 (1 + tanh(v/2)), which
is z s(v), without the difference of equal numbers where z < 0:

    v = sqrt(8 / pi) (z + a z^3),  v' = sqrt(8 / pi) (1 + 3a z^2)         (11)

with a = 0.044715. Two inputs, of which one opens or shuts the other:

    swiglu    out = silu(a) b,  dL/da = silu'(a) b dL/dout,
                                dL/db = silu(a) dL/dout                   (12)

A softmax has every z_k of its row in every out_i:

    out_i = e^z_i / sum_k e^z_k                                           (13)
    dout_i/dz_k = out_i ([i = k] - out_k)
    dL/dz_k = out_k (dL/dout_k - sum_i dL/dout_i out_i)                   (14)

What is a matter of choice: at z = 0 the slope of relu is 0 and that of
leaky_relu is `slope`; a unit that is off passes 0 whatever it gets, infinity
too; a row of a softmax that is -inf throughout, all of it masked, is 0
throughout and passes nothing.

relu: V. Nair and G. Hinton, 2010; leaky_relu: A. Maas et al., 2013; gelu: D.
Hendrycks and K. Gimpel, 2016; silu: S. Elfwing et al., 2018; swiglu: N. Shazeer,
GLU variants improve transformer, 2020.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from manual import activations
from manual.activations import Array, number
from manual.door import fit_dout
from manual.shapes import alike, fit

PI = Fraction("3.14159265358979323846264338327950288419716939937510582097494459")
# From there on P(z) and s(v) are 0 or 1 in every float type, and z^3 is far from overflowing.
FAR = 100


def relu_forward(z: Array) -> tuple[Array, Array]:
    """max(z, 0), and z for the way back; z of any shape.

    ValueError where z is not of floats or exact numbers.

        >>> relu_forward(np.array([-1.0, 0.0, 2.0]))[0]
        array([0., 0., 2.])
    """
    alike(z=z)
    return activations.relu(z), z  # (2)


def relu_backward(dout: Array, cache: Array) -> Array:
    """The gradient by z, of its shape: dout where z is above 0, else 0."""
    z = cache
    fit_dout(dout, z.shape)
    # In the forward pass this was out = max(z, 0), so now
    return np.where(z <= 0, number(z, 0), dout)  # (1), (2)


def leaky_relu_forward(z: Array, *, slope: Any = 0.01) -> tuple[Array, tuple[Array, Any]]:
    """z where it is above 0, else slope z, and what the way back needs; z of any
    shape.

    ValueError where z is not of floats or exact numbers.

        >>> leaky_relu_forward(np.array([-1.0, 0.0, 2.0]), slope=0.25)[0]
        array([-0.25,  0.  ,  2.  ])
    """
    alike(z=z)
    return activations.leaky_relu(z, slope), (z, slope)  # (3)


def leaky_relu_backward(dout: Array, cache: tuple[Array, Any]) -> Array:
    """The gradient by z, of its shape: dout where z is above 0, else slope dout."""
    z, slope = cache
    fit_dout(dout, z.shape)
    # In the forward pass this was out = z or slope z, so now
    return np.where(z > 0, dout, number(z, slope) * dout)  # (1), (3)


def sigmoid_forward(z: Array) -> tuple[Array, Array]:
    """1 / (1 + e^-z), and z for the way back; z of any shape.

    ValueError where z is not of floats or exact numbers.

        >>> sigmoid_forward(np.array([-1000.0, 0.0, 1000.0]))[0]
        array([0. , 0.5, 1. ])
    """
    alike(z=z)
    return activations.sigmoid(z), z  # (4)


def sigmoid_backward(dout: Array, cache: Array) -> Array:
    """The gradient by z, of its shape; out (1 - out) would be 0 from z = 37 on."""
    z = cache
    fit_dout(dout, z.shape)
    # In the forward pass this was out = s(z), so now
    return dout * activations.d_sigmoid(z)  # (1), (4)


def tanh_forward(z: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent, and z for the way back; z of any shape.

    ValueError where z is not of floats or exact numbers.

        >>> tanh_forward(np.array([-1000.0, 0.0, 1000.0]))[0]
        array([-1.,  0.,  1.])
    """
    alike(z=z)
    return activations.tanh(z), z  # (5)


def tanh_backward(dout: Array, cache: Array) -> Array:
    """The gradient by z, of its shape; 1 - out^2 would be 0 from z = 20 on."""
    z = cache
    fit_dout(dout, z.shape)
    # In the forward pass this was out = tanh z, so now
    return dout * activations.d_tanh(z)  # (1), (5)


def softplus_forward(z: Array) -> tuple[Array, Array]:
    """log(1 + e^z), and z for the way back; z of any shape.

    ValueError where z is not of floats or exact numbers.

        >>> softplus_forward(np.array([-1000.0, 1000.0]))[0]
        array([   0., 1000.])
    """
    alike(z=z)
    return activations.softplus(z), z  # (6)


def softplus_backward(dout: Array, cache: Array) -> Array:
    """The gradient by z, of its shape."""
    z = cache
    fit_dout(dout, z.shape)
    # In the forward pass this was out = log(1 + e^z), so now
    return dout * activations.sigmoid(z)  # (1), (6)


def silu_forward(z: Array) -> tuple[Array, Array]:
    """z / (1 + e^-z), also called swish, and z for the way back; z of any shape.

    ValueError where z is not of floats or exact numbers.

        >>> silu_forward(np.array([-1000.0, 0.0, 1000.0]))[0]
        array([  -0.,    0., 1000.])
    """
    alike(z=z)
    return activations.silu(z), z  # (7)


def silu_backward(dout: Array, cache: Array) -> Array:
    """The gradient by z, of its shape."""
    z = cache
    fit_dout(dout, z.shape)
    # In the forward pass this was out = z s(z), so now
    return dout * activations.d_silu(z)  # (1), (7)


def gelu_forward(z: Array, *, approximate: str = "tanh") -> tuple[Array, tuple[Array, str]]:
    """z times the normal distribution function at z, and what the way back needs; z
    of any shape. `approximate` is "tanh", as in GPT-2, or "none".

    ValueError for another `approximate`, and where z is not of floats or exact
    numbers.

        >>> gelu_forward(np.array([-1000.0, 0.0, 1000.0]), approximate="none")[0]
        array([  -0.,    0., 1000.])
    """
    alike(z=z)
    check_approximate(approximate)
    if approximate == "none":
        return z * normal(z), (z, approximate)  # (8)
    v, _ = cubic(z)
    return z * activations.sigmoid(v), (z, approximate)  # (9)


def gelu_backward(dout: Array, cache: tuple[Array, str]) -> Array:
    """The gradient by z, of its shape."""
    z, approximate = cache
    fit_dout(dout, z.shape)
    if approximate == "none":
        # In the forward pass this was out = z P(z), so now
        return dout * (normal(z) + z * density(z))  # (1), (8)
    v, dv = cubic(z)
    # In the forward pass this was out = z s(v(z)), so now
    slope = activations.sigmoid(v) + z * activations.d_sigmoid(v) * dv  # (9)
    return dout * slope  # (1)


def swiglu_forward(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    """silu(a) b, and what the way back needs; a and b of one shape, the two halves
    of what a layer gives.

    ValueError where a and b differ in shape or type, or are not of floats or exact
    numbers.

        >>> swiglu_forward(np.array([0.0, 1000.0]), np.array([3.0, 4.0]))[0]
        array([   0., 4000.])
    """
    alike(a=a, b=b)
    return activations.silu(a) * b, (a, b)  # (12)


def swiglu_backward(dout: Array, cache: tuple[Array, Array]) -> tuple[Array, Array]:
    """The gradients by a and b, of their shape."""
    a, b = cache
    fit_dout(dout, a.shape)
    # In the forward pass this was out = silu(a) b, so now
    d_a = dout * b * activations.d_silu(a)  # (12)
    d_b = dout * activations.silu(a)  # (12)
    return d_a, d_b


def softmax_forward(z: Array) -> tuple[Array, Array]:
    """e^z_i / sum_k e^z_k along the last axis, and that for the way back; z (..., K)
    with K at least 1.

    ValueError where K is 0 and where z is not of floats or exact numbers.

        >>> softmax_forward(np.array([[0.0, 0.0, -np.inf], [1000.0, 0.0, 0.0]]))[0]
        array([[0.5, 0.5, 0. ],
               [1. , 0. , 0. ]])
    """
    alike(z=z)
    if not fit("z (..., K)", z=z)["K"]:
        raise ValueError(f"z has the shape {z.shape}, expected (..., K) with K at least 1")
    masked = (z.astype(float) == -np.inf).all(-1, keepdims=True)  # (..., 1)
    shares = activations.softmax(np.where(masked, number(z, 0), z))  # (13): (..., K)
    out = np.where(masked, number(z, 0), shares)
    return out, out


def softmax_backward(dout: Array, cache: Array) -> Array:
    """The gradient by z, of its shape (..., K)."""
    out = cache
    fit_dout(dout, out.shape)
    # In the forward pass this was out_i = e^z_i / sum_k e^z_k, so now
    mean = (dout * out).sum(-1, keepdims=True)  # of dL/dout, weighted: (..., K) -> (..., 1)
    return out * (dout - mean)  # (14): (..., K)


# What a gelu is made of


def check_approximate(approximate: str) -> None:
    """ValueError where a gelu is neither of the two that there are."""
    if approximate not in ("tanh", "none"):
        raise ValueError(
            f"approximate is {approximate!r}, expected 'tanh' or 'none', which is by erf"
        )


def normal(z: Array) -> Array:
    """P(z), the normal distribution function; by erfc, since 1 + erf has no digit
    left at z = -9."""
    return erfc(-z / np.sqrt(number(z, 2))) / 2  # (10)


def density(z: Array) -> Array:
    """p(z) = P'(z), the density of the normal distribution."""
    near = cut(z)
    return np.exp(-near * near / 2) / np.sqrt(2 * number(z, PI))  # (10)


def cubic(z: Array) -> tuple[Array, Array]:
    """v and v' of a gelu by tanh, v a cubic of z."""
    near = cut(z)
    a, scale = number(z, 0.044715), np.sqrt(8 / number(z, PI))
    v = scale * near * (1 + a * near * near)  # (11)
    dv = scale * (1 + 3 * a * near * near)  # (11)
    return v, dv


def cut(z: Array) -> Array:
    """z between -FAR and FAR."""
    return np.minimum(np.maximum(z, number(z, -FAR)), number(z, FAR))


def erfc(x: Array) -> Array:
    """1 - erf(x), that of the C library in float64, which is off by a few units of
    the last digit; on objects the entries' own `erfc`."""
    if x.dtype == object:
        return np.asarray(np.frompyfunc(lambda entry: entry.erfc(), 1, 1)(x), object)
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x), float).astype(x.dtype)
