"""A convolutional network as LeNet-5 has it (Y. LeCun et al., 1998), with relu
and the largest of each window, forward only."""

from typing import NamedTuple

import jax

from ref.convolution import conv2d
from ref.criteria import softmax_cross_entropy
from ref.dense import affine
from ref.elementwise import relu
from ref.pooling import max_pool2d


class Convnet(NamedTuple):
    """The parameters: w1 (C1, C, K, K), w2 (C2, C1, K, K), W3 (H, what is left of
    an image), W4 (O, H), and a bias for each."""

    w1: jax.Array
    b1: jax.Array | None
    w2: jax.Array
    b2: jax.Array | None
    W3: jax.Array
    b3: jax.Array | None
    W4: jax.Array
    b4: jax.Array | None


def convnet_scores(params: Convnet, x: jax.Array) -> jax.Array:
    """The scores of the classes, (N, O), of images x (N, C, H, W).

    The convolutions are padded by half their width, and the windows 2 x 2.
    """
    w1, b1, w2, b2, W3, b3, W4, b4 = params
    p1 = max_pool2d(relu(conv2d(x, w1, b1, padding=w1.shape[-1] // 2)), size=2)
    p2 = max_pool2d(relu(conv2d(p1, w2, b2, padding=w2.shape[-1] // 2)), size=2)
    h3 = relu(affine(p2.reshape(len(x), -1), W3, b3))
    return affine(h3, W4, b4)


def convnet_loss(params: Convnet, x: jax.Array, labels: jax.Array) -> jax.Array:
    """The mean cross-entropy of images x (N, C, H, W) with labels (N,)."""
    return softmax_cross_entropy(convnet_scores(params, x), labels)
