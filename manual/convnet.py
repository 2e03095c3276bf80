"""A convolutional network as LeNet-5 has it (Y. LeCun et al., Gradient-Based
Learning Applied to Document Recognition, 1998), with relu and the largest of
each window: two convolutions, each with relu and pooling behind it, and two
dense layers.

    z1 = w1 * x + b1           h1 = relu(z1)     p1 = max_pool(h1)         (1)
    z2 = w2 * p1 + b2          h2 = relu(z2)     p2 = max_pool(h2)         (2)
    z3 = W3 flat(p2) + b3      h3 = relu(z3)                               (3)
    s  = W4 h3 + b4                                                        (4)
    L  = cross-entropy of softmax(s) and the labels                        (5)

where * is the convolution. On the way back each of these is undone in turn,
from the last to the first.
"""

from typing import Any, NamedTuple

from manual.activations import Array
from manual.convolution import conv2d_backward, conv2d_forward
from manual.criteria import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from manual.dense import affine_backward, affine_forward
from manual.elementwise import relu_backward, relu_forward
from manual.pooling import max_pool2d_backward, max_pool2d_forward


class Convnet(NamedTuple):
    """The parameters, or their gradients: w1 (C1, C, K, K), w2 (C2, C1, K, K),
    W3 (H, what is left of an image), W4 (O, H), and a bias for each."""

    w1: Array
    b1: Array | None
    w2: Array
    b2: Array | None
    W3: Array
    b3: Array | None
    W4: Array
    b4: Array | None


def convnet_forward(params: Convnet, x: Array) -> tuple[Array, Any]:
    """The scores of the classes, (N, O), of images x (N, C, H, W), and what the
    way back needs.

    The convolutions are padded by half their width, and the windows 2 x 2.
    """
    w1, b1, w2, b2, W3, b3, W4, b4 = params
    z1, conv1 = conv2d_forward(x, w1, b1, padding=w1.shape[-1] // 2)  # (1) (N, C1, H, W)
    h1, relu1 = relu_forward(z1)
    p1, pool1 = max_pool2d_forward(h1, size=2)  # (N, C1, H/2, W/2)
    z2, conv2 = conv2d_forward(p1, w2, b2, padding=w2.shape[-1] // 2)  # (2)
    h2, relu2 = relu_forward(z2)
    p2, pool2 = max_pool2d_forward(h2, size=2)  # (N, C2, H/4, W/4)
    z3, dense3 = affine_forward(p2.reshape(len(x), -1), W3, b3)  # (3) (N, H)
    h3, relu3 = relu_forward(z3)
    s, dense4 = affine_forward(h3, W4, b4)  # (4) (N, O)
    return s, (conv1, relu1, pool1, conv2, relu2, pool2, p2.shape, dense3, relu3, dense4)


def convnet_backward(dout: Array, cache: Any) -> Convnet:
    """The gradients by all parameters from those by the scores, (N, O)."""
    conv1, relu1, pool1, conv2, relu2, pool2, shape, dense3, relu3, dense4 = cache
    d_h3, d_W4, d_b4 = affine_backward(dout, dense4)  # (4)
    d_flat, d_W3, d_b3 = affine_backward(relu_backward(d_h3, relu3), dense3)  # (3)
    d_h2 = max_pool2d_backward(d_flat.reshape(shape), pool2)  # (2)
    d_p1, d_w2, d_b2 = conv2d_backward(relu_backward(d_h2, relu2), conv2)
    d_h1 = max_pool2d_backward(d_p1, pool1)  # (1)
    _, d_w1, d_b1 = conv2d_backward(relu_backward(d_h1, relu1), conv1)
    return Convnet(d_w1, d_b1, d_w2, d_b2, d_W3, d_b3, d_W4, d_b4)


def convnet_value_and_grad(params: Convnet, x: Array, labels: Array) -> tuple[Any, Convnet]:
    """The loss of images x (N, C, H, W) with labels (N,), the mean over them, and
    its gradient by every parameter."""
    scores, cache = convnet_forward(params, x)
    loss, criterion = softmax_cross_entropy_forward(scores, labels)  # (5)
    d_scores, _ = softmax_cross_entropy_backward(loss**0, criterion)  # dL/dL = 1
    return loss, convnet_backward(d_scores, cache)
