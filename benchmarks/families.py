"""Backward passes of families, planned into buffers made once: loss and all
gradients, half squared error of out, or the cross-entropy of labels.

    .venv/bin/python benchmarks/families.py [--cases norm] [--dtype float64] [--rounds 30]
        [--json FILE] [--against FILE] [--quick]

    floor         the matrix products of the pass and nothing else, into buffers made
                  beforehand; for a norm, which has none, one copy for each of two arrays
    readable      manual, the gradients derived by hand
    planned       manual.fast, the same into buffers made once
    ref, jit      JAX, compiled for the shapes
    torch         eager and compiled, as far as it is installed and has a C++ compiler; it takes
                  minutes to compile the LSTM, and --quick leaves that out

Nothing is timed before all agree with manual in float64: every entry to n u of
the largest of its array, u the unit roundoff and n how many numbers are added up
on the longest way to it. All are timed in turn in one process, with one thread,
by the processor's clock, which stands still while others have the processor.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import command
from competitors import Call, Unable
from machine import set_threads
from measuring import Case, Disagreement, calibrate, measure, progress
from peers import compiled_by_torch
from table import rows, times_of


class Whole(NamedTuple):
    """Whole numbers to draw, below a bound."""

    below: int
    shape: tuple[int, ...]


class Family(NamedTuple):
    """What is timed: the shapes, and everybody's pass, made once for the arrays
    (`Call`), which gives the loss and the gradients by `moving` of them."""

    title: str
    shapes: dict[str, tuple[int, ...] | Whole]
    terms: int  # numbers that are added up on the longest way
    moving: Sequence[str]
    floor: Callable[..., Call]
    readable: Callable[..., Any]
    planned: Callable[..., Call]
    loss: Callable[..., Any]  # by ref
    torch_loss: Callable[..., Any]


def half_square(out: Any, y: Any, into: Any = None) -> tuple[Any, Any]:
    """|out - y|^2 / 2, and out - y."""
    import numpy as np

    r = np.subtract(out, y, into)
    flat = r.reshape(-1)
    return flat.dot(flat) / 2, r


def products(*pairs: tuple[Any, Any]) -> Call:
    """The products of pairs of arrays, into buffers made once."""
    import numpy as np

    buffers = [np.matmul(a, b) for a, b in pairs]

    def call() -> None:
        for (a, b), buffer in zip(pairs, buffers, strict=True):
            np.matmul(a, b, buffer)

    return call


def copies(*arrays: Any) -> Call:
    """A copy of each array, into buffers made once."""
    import numpy as np

    buffers = [np.copy(array) for array in arrays]

    def call() -> None:
        for array, buffer in zip(arrays, buffers, strict=True):
            np.copyto(buffer, array)

    return call


# Norms


def readable_norm(family: str, y: Any, **arrays: Any) -> tuple[Any, ...]:
    import manual

    out, cache = getattr(manual, f"{family}_forward")(*arrays.values())
    L, r = half_square(out, y)
    return L, *getattr(manual, f"{family}_backward")(r, cache)


def planned_norm(name: str, x: Any, y: Any, **params: Any) -> Call:
    import numpy as np

    import manual.fast.norm

    norm = getattr(manual.fast.norm, name)(x.shape, dtype=x.dtype)
    r = np.empty_like(y)

    def call() -> Any:
        L, _ = half_square(norm.forward(x, *params.values()), y, r)
        return L, *norm.backward(r)

    return call


def layer_norm(x: Any, gamma: Any, beta: Any, y: Any) -> Any:
    import ref

    return ((ref.layer_norm(x, gamma, beta) - y) ** 2).sum() / 2


def layer_norm_in_torch(x: Any, gamma: Any, beta: Any, y: Any) -> Any:
    import torch

    out = torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta)
    return ((out - y) ** 2).sum() / 2


def rms_norm(x: Any, gamma: Any, y: Any) -> Any:
    import ref

    return ((ref.rms_norm(x, gamma) - y) ** 2).sum() / 2


def rms_norm_in_torch(x: Any, gamma: Any, y: Any) -> Any:
    import torch

    out = torch.nn.functional.rms_norm(x, gamma.shape, gamma, 1e-5)
    return ((out - y) ** 2).sum() / 2


def batch_norm(x: Any, gamma: Any, beta: Any, y: Any) -> Any:
    import ref

    return ((ref.batch_norm(x, gamma, beta) - y) ** 2).sum() / 2


def batch_norm_in_torch(x: Any, gamma: Any, beta: Any, y: Any) -> Any:
    import torch

    out = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
    return ((out - y) ** 2).sum() / 2


def of_norm(
    title: str,
    names: tuple[str, str],
    shape: tuple[int, ...],
    params: dict[str, Any],
    terms: int,
    *losses: Any,
) -> Family:
    """Sums for statistics and for gradients, one after the other, are of `terms` numbers."""
    family, planned = names
    return Family(
        title,
        {"x": shape, **params, "y": shape},
        terms,
        ("x", *params),
        lambda x, y, **params: copies(x, y),
        partial(readable_norm, family),
        partial(planned_norm, planned),
        *losses,
    )


NORM = of_norm(
    "layer norm, 512 x 768",
    ("layer_norm", "LayerNorm"),
    (512, 768),
    {"gamma": (768,), "beta": (768,)},
    2 * 768 + 512,
    layer_norm,
    layer_norm_in_torch,
)
RMS_NORM = of_norm(
    "RMS norm, 512 x 768",
    ("rms_norm", "RMSNorm"),
    (512, 768),
    {"gamma": (768,)},
    2 * 768 + 512,
    rms_norm,
    rms_norm_in_torch,
)
BATCH_NORM = of_norm(
    "batch norm, 32 images 28 x 28, 16 channels",
    ("batch_norm", "BatchNorm"),
    (32, 16, 28, 28),
    {"gamma": (16,), "beta": (16,)},
    2 * 32 * 28 * 28,
    batch_norm,
    batch_norm_in_torch,
)

# Embedding and cross-entropy


def readable_entropy(table: Any, tokens: Any, W: Any, b: Any, labels: Any) -> tuple[Any, ...]:
    import manual

    h, of_table = manual.embedding_forward(table, tokens)
    z, dense = manual.affine_forward(h, W, b)
    L, criterion = manual.softmax_cross_entropy_forward(z, labels)
    d_z, _ = manual.softmax_cross_entropy_backward(1, criterion)
    d_h, d_W, d_b = manual.affine_backward(d_z, dense)
    return L, manual.embedding_backward(d_h, of_table)[0], d_W, d_b


def planned_entropy(table: Any, tokens: Any, W: Any, b: Any, labels: Any) -> Call:
    from manual.fast.embedding_cross_entropy import EmbeddingCrossEntropy

    network = EmbeddingCrossEntropy(tokens.shape, table.shape, len(W), dtype=W.dtype)

    def call() -> Any:
        L = network.forward(table, tokens, W, b, labels)
        d_table, _, d_W, d_b, _ = network.backward(1)
        return L, d_table, d_W, d_b

    return call


def floor_of_entropy(table: Any, tokens: Any, W: Any, b: Any, labels: Any) -> Call:
    h = table[tokens]
    d_z = h @ W.T
    return products((h, W.T), (d_z, W), (d_z.T, h))


def entropy(table: Any, tokens: Any, W: Any, b: Any, labels: Any) -> Any:
    import ref

    z = ref.affine(ref.embedding(table, tokens), W, b)
    return ref.softmax_cross_entropy(z, labels)


def entropy_in_torch(table: Any, tokens: Any, W: Any, b: Any, labels: Any) -> Any:
    from torch.nn.functional import cross_entropy, embedding, linear

    return cross_entropy(linear(embedding(tokens, table), W, b), labels)


ENTROPY = Family(
    "embedding and cross-entropy: 512 tokens, 5000 classes, 64 features",
    {
        "table": (5000, 64),
        "tokens": Whole(5000, (512,)),
        "W": (5000, 64),
        "b": (5000,),
        "labels": Whole(5000, (512,)),
    },
    64 + 5000 + 512,
    ("table", "W", "b"),
    floor_of_entropy,
    readable_entropy,
    planned_entropy,
    entropy,
    entropy_in_torch,
)

# Attention

HEADS = 4


def readable_attention(x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any, y: Any) -> tuple[Any, ...]:
    import manual

    out, cache = manual.multi_head_attention_forward(x, Wqkv, bqkv, Wo, bo, heads=HEADS)
    L, r = half_square(out, y)
    return L, *manual.multi_head_attention_backward(r, cache)


def planned_attention(x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any, y: Any) -> Call:
    import numpy as np

    from manual.fast.attention_heads import MultiHeadAttention

    attention, r = MultiHeadAttention(x.shape, heads=HEADS, dtype=x.dtype), np.empty_like(y)

    def call() -> Any:
        L, _ = half_square(attention.forward(x, Wqkv, bqkv, Wo, bo), y, r)
        return L, *attention.backward(r)

    return call


def floor_of_attention(x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any, y: Any) -> Call:
    """No array times itself, for which BLAS takes another way, and a slower one."""
    import numpy as np

    N, T, D = x.shape
    rows, dout = x.reshape(-1, D), y.reshape(-1, D)
    a = rows @ Wqkv.T
    heads = a.reshape(N, T, 3, HEADS, D // HEADS).transpose(2, 0, 3, 1, 4)
    q, k, v = (np.ascontiguousarray(part) for part in heads)
    p, d_y = q @ k.swapaxes(-1, -2), v + 1
    p_T, k_T, v_T = (array.swapaxes(-1, -2) for array in (p, k, v))
    forward = (rows, Wqkv.T), (q, k_T), (p, v), (rows, Wo.T)
    through_heads = (p_T, d_y), (d_y, v_T), (p, k), (p_T, q)
    return products(*forward, (dout, Wo), (dout.T, rows), *through_heads, (a.T, rows), (a, Wqkv))


def attention(x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any, y: Any) -> Any:
    import ref

    return ((ref.multi_head_attention(x, Wqkv, bqkv, Wo, bo, heads=HEADS) - y) ** 2).sum() / 2


def attention_in_torch(x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any, y: Any) -> Any:
    from torch.nn.functional import linear, scaled_dot_product_attention

    N, T, D = x.shape
    q, k, v = linear(x, Wqkv, bqkv).view(N, T, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
    side_by_side = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(N, T, D)
    return ((linear(side_by_side, Wo, bo) - y) ** 2).sum() / 2


def of_attention(N: int, T: int, D: int) -> Family:
    """Attention of N sequences of T rows of D numbers."""
    shapes: dict[str, Any] = {"x": (N, T, D), "Wqkv": (3 * D, D), "bqkv": (3 * D,)}
    shapes |= {"Wo": (D, D), "bo": (D,), "y": (N, T, D)}
    return Family(
        f"attention, {N} x {T} rows of {D}, {HEADS} heads",
        shapes,
        D + D // HEADS + T + D + N * T,
        ("x", "Wqkv", "bqkv", "Wo", "bo"),
        floor_of_attention,
        readable_attention,
        planned_attention,
        attention,
        attention_in_torch,
    )


# Convolution

CONV = {"stride": 1, "padding": 1}


def readable_conv(x: Any, w: Any, b: Any, y: Any) -> tuple[Any, ...]:
    import manual

    out, cache = manual.conv2d_forward(x, w, b, **CONV)
    L, r = half_square(out, y)
    return L, *manual.conv2d_backward(r, cache)


def planned_conv(x: Any, w: Any, b: Any, y: Any) -> Call:
    import numpy as np

    from manual.fast.convolution import Conv2d

    conv, r = Conv2d(x.shape, w.shape, **CONV, dtype=x.dtype), np.empty_like(y)

    def call() -> Any:
        L, _ = half_square(conv.forward(x, w, b), y, r)
        return L, *conv.backward(r)

    return call


def floor_of_conv(x: Any, w: Any, b: Any, y: Any) -> Call:
    """Image by image, which is faster than all at once."""
    import numpy as np

    O, outs = len(w), y.reshape(*y.shape[:2], -1)
    kernel = w.reshape(O, -1)
    columns = np.ones((kernel.shape[1], outs.shape[2]), x.dtype)
    pairs = [((kernel, columns), (kernel.T, out), (columns, out.T)) for out in outs]
    return products(*(pair for of_image in pairs for pair in of_image))


def conv(x: Any, w: Any, b: Any, y: Any) -> Any:
    import ref

    return ((ref.conv2d(x, w, b, **CONV) - y) ** 2).sum() / 2


def conv_in_torch(x: Any, w: Any, b: Any, y: Any) -> Any:
    from torch.nn.functional import conv2d

    return ((conv2d(x, w, b, **CONV) - y) ** 2).sum() / 2


def of_conv(N: int, C: int, O: int, size: int) -> Family:
    """Convolution of N square images of C channels to O channels, kernel 3 x 3."""
    return Family(
        f"convolution 3 x 3, {N} images {size} x {size}, {C} -> {O}",
        {"x": (N, C, size, size), "w": (O, C, 3, 3), "b": (O,), "y": (N, O, size, size)},
        9 * C + N * size * size,
        ("x", "w", "b"),
        floor_of_conv,
        readable_conv,
        planned_conv,
        conv,
        conv_in_torch,
    )


# LSTM


def readable_lstm(x: Any, h0: Any, c0: Any, W: Any, U: Any, b: Any, y: Any) -> tuple[Any, ...]:
    import manual

    out, cache = manual.lstm_forward(x, h0, c0, W, U, b)
    L, r = half_square(out, y)
    return L, *manual.lstm_backward(r, cache)


def planned_lstm(x: Any, h0: Any, c0: Any, W: Any, U: Any, b: Any, y: Any) -> Call:
    import numpy as np

    from manual.fast import recurrent

    lstm, r = recurrent.LSTM(x.shape, h0.shape[1], dtype=x.dtype), np.empty_like(y)

    def call() -> Any:
        L, _ = half_square(lstm.forward(x, h0, c0, W, U, b), y, r)
        return L, *lstm.backward(r)

    return call


def floor_of_lstm(x: Any, h0: Any, c0: Any, W: Any, U: Any, b: Any, y: Any) -> Call:
    """What waits for no state is one product for all times; h U^T gate by gate, which
    is faster than all at once."""
    import numpy as np

    rows, h = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])
    a, U_T = rows @ W.T, np.ascontiguousarray(U.reshape(4, -1, U.shape[1]).swapaxes(1, 2))
    steps = zip(h.reshape(-1, *h0.shape), a.reshape(-1, len(h0), len(b)), strict=True)
    through_time = [pair for h_t, a_t in steps for pair in ((h_t, U_T), (a_t, U))]
    return products((rows, W.T), *through_time, (a, W), (a.T, rows), (a.T, h))


def lstm(x: Any, h0: Any, c0: Any, W: Any, U: Any, b: Any, y: Any) -> Any:
    import ref

    return ((ref.lstm(x, h0, c0, W, U, b) - y) ** 2).sum() / 2


def lstm_in_torch(x: Any, h0: Any, c0: Any, W: Any, U: Any, b: Any, y: Any) -> Any:
    """With a second bias, which torch has and is 0."""
    import torch

    states, weights = (h0[None], c0[None]), (W, U, b, torch.zeros_like(b))
    out, _, _ = torch.lstm(x, states, weights, True, 1, 0.0, True, False, True)
    return ((out - y) ** 2).sum() / 2


LSTM = Family(
    "LSTM, 32 sequences of 32, 128 features, 128 units",
    {
        "x": (32, 32, 128),
        "h0": (32, 128),
        "c0": (32, 128),
        "W": (512, 128),
        "U": (512, 128),
        "b": (512,),
        "y": (32, 32, 128),
    },
    32 * (128 + 128 + 512) + 32 * 32,
    ("x", "h0", "c0", "W", "U", "b"),
    floor_of_lstm,
    readable_lstm,
    planned_lstm,
    lstm,
    lstm_in_torch,
)


FAMILIES = {
    "norm": NORM,
    "rms_norm": RMS_NORM,
    "batch_norm": BATCH_NORM,
    "entropy": ENTROPY,
    "attention64": of_attention(4, 64, 128),
    "attention256": of_attention(2, 256, 128),
    "conv28": of_conv(32, 16, 32, 28),
    "conv32": of_conv(8, 3, 16, 32),
    "lstm": LSTM,
}


def drawn(family: Family, dtype: str) -> dict[str, Any]:
    """The arrays, of whole numbers or normal ones; weights over the root of how many
    inputs a unit has."""
    import numpy as np

    rng = np.random.default_rng(0)

    def draw(name: str, shape: Any) -> Any:
        if isinstance(shape, Whole):
            return rng.integers(shape.below, size=shape.shape)
        inputs = math.prod(shape[1:]) if name[0] in "UWw" else 1
        return (rng.normal(size=shape) / math.sqrt(inputs)).astype(dtype)

    return {name: draw(name, shape) for name, shape in family.shapes.items()}


def in_jax(family: Family, arrays: dict[str, Any]) -> Call:
    import jax

    places = tuple(k for k, name in enumerate(arrays) if name in family.moving)
    compiled = jax.jit(jax.value_and_grad(family.loss, places))
    data = jax.device_put(tuple(arrays.values()))

    def call() -> Any:
        L, gradients = jax.block_until_ready(compiled(*data))
        return L, *gradients

    return call


def in_torch(family: Family, arrays: dict[str, Any]) -> Call:
    import torch

    torch.set_num_threads(1)
    tensors = {
        name: torch.tensor(array, requires_grad=name in family.moving)
        for name, array in arrays.items()
    }
    moving = [tensors[name] for name in family.moving]

    def call() -> Any:
        L = family.torch_loss(**tensors)
        return L.detach(), *torch.autograd.grad(L, moving)

    return call


def in_torch_compiled(family: Family, arrays: dict[str, Any]) -> Call:
    import torch

    tensors = [torch.tensor(array) for array in arrays.values()]
    places = tuple(k for k, name in enumerate(arrays) if name in family.moving)
    compiled = compiled_by_torch(family.torch_loss, places)

    def call() -> Any:
        gradients, L = compiled(*tensors)
        return L, *gradients

    return call


def make_calls(family: Family, arrays: dict[str, Any], compiled: bool) -> dict[str, Call]:
    """Who takes part; `compiled` says whether torch.compile is to."""
    calls = {
        "floor": family.floor(**arrays),
        "readable": partial(family.readable, **arrays),
        "planned": family.planned(**arrays),
        "ref, jit": in_jax(family, arrays),
    }
    if find_spec("torch"):
        calls["torch eager"] = in_torch(family, arrays)
        if compiled:
            calls["torch.compile"] = in_torch_compiled(family, arrays)
    return calls


def disagreement(family: Family, arrays: dict[str, Any], calls: dict[str, Call]) -> str | None:
    """Who is first to give something else than manual in float64, and where."""
    import numpy as np

    exact = family.readable(
        **{
            name: array.astype(float) if array.dtype.kind == "f" else array
            for name, array in arrays.items()
        }
    )
    u = np.finfo(arrays[family.moving[0]].dtype).eps / 2
    for who, call in calls.items():
        if who == "floor":
            continue
        for name, found, right in zip(("L", *family.moving), call(), exact, strict=True):
            found = np.asarray(found)
            if found.shape != np.shape(right):
                return f"{who}: {name} has the shape {found.shape}, expected {np.shape(right)}"
            off = np.abs(found - right).max() / np.abs(right).max() / u
            if not off <= family.terms:
                return f"{who}: {name} is off by {off:.3g} u, expected at most {family.terms} u"
    return None


def first_calls(name: str, calls: dict[str, Call]) -> tuple[dict[str, float], dict[str, str]]:
    """The seconds of each first call, which may compile; who is unable to take part, and
    why, is no longer among the calls then."""
    first_s, unable = {}, {}
    for who, call in list(calls.items()):
        progress(f"{name}: first call of {who}")
        start = time.perf_counter()
        try:
            call()
            first_s[who] = time.perf_counter() - start
        except Unable as reason:
            unable[who] = str(reason)
            del calls[who]
    return first_s, unable


def run(name: str, dtype: str, rounds: int, compiled: bool) -> dict[str, Any]:
    """Measures a family, prints its table, and returns its times. Raises Disagreement."""
    family = FAMILIES[name]
    arrays = drawn(family, dtype)
    calls = make_calls(family, arrays, compiled)
    first_s, unable = first_calls(name, calls)
    progress(f"{name}: agreement")
    for _ in range(2):  # buffers that are used again may be right only once
        if difference := disagreement(family, arrays, calls):
            raise Disagreement(f"nothing is timed, there is no agreement with manual: {difference}")
    clock = time.process_time
    calibrated = {who: calibrate(call, clock=clock) for who, call in calls.items()}
    repeats = {who: times for who, (times, _) in calibrated.items()}
    round_s = sum(s for _, s in calibrated.values())
    case = Case(name, None, calls, first_s, repeats, round_s, clock=clock, unable=unable)
    measure([case], rounds)
    found = times_of(case)
    print(family.title, *rows(found, ("ref, jit", "torch.compile")), "", sep="\n", flush=True)
    return found


def main() -> None:
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "--cases",
        type=partial(command.some_of, list(FAMILIES)),
        help=f"some of {','.join(FAMILIES)}",
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s"
    )
    parser.add_argument("--rounds", type=command.number, help="default: 30")
    everything = {"cases": list(FAMILIES), "rounds": 30}
    options = command.parse(parser, "families", everything, everything | {"rounds": 5})
    command.exit_on_interrupt()
    set_threads(1)
    found = command.begin("families")
    import jax

    jax.config.update("jax_enable_x64", options.dtype == "float64")
    chosen = {"dtype": options.dtype, "rounds": options.rounds}
    print(f"{options.dtype}, one thread, {options.rounds} rounds\n", flush=True)
    if not find_spec("torch"):
        print("not installed: torch: pip install -e '.[peers]'\n", flush=True)
    try:
        sizes = {name: run(name, **chosen, compiled=not options.quick) for name in options.cases}
    except Disagreement as error:
        progress("")
        sys.exit(str(error))
    found["runs"] = [chosen | {"threads": 1, "sizes": sizes}]
    command.finish(options, found)


if __name__ == "__main__":
    main()
