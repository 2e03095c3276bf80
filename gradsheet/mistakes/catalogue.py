"""The catalogue of mistakes: what goes wrong in hand-derived gradients, each as
an edit of one step of one pass.

A mistake has a code that stays, a kind, the step of `steps.Pass` that it is
made in ("d_W.h" is the h that enters d_W; "W_new b_new" are two), `where` it
can be made, a sentence, and the edit: from the step's right result and all that
enters the step (`s`) to what comes out instead. `where` is asked for every
layer; it answers with True or with the variants that there are, one of which
the edit gets.

In a sentence {l} stands for the layer, {f} for its activation, {input} for what
enters it (x or h1), {before} for the layer before, {k} for the variant. Of a
mistake that is made in every layer the sentence has no number.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradsheet.language.functions import facts_of
from gradsheet.mistakes.layer_pass import Edit, Edits, Step, transposed
from gradsheet.network.losses import LOSSES as FACTS
from gradsheet.network.losses import SQUARES
from gradsheet.network.network import Network
from manual.activations import Activation, Array, activate, derivative, number, pull_back, split
from manual.losses import LOSSES, cross_entropy, d_cross_entropy

HALF, *UNHALVED = SQUARES
ENTROPIES = tuple(name for name, loss in FACTS.items() if loss.probabilities)
MEANS = tuple(name for name, loss in FACTS.items() if loss.averages)  # over the outputs
SUMS = tuple(name for name in (*SQUARES, *ENTROPIES) if name not in MEANS)
TWO_TERMS = tuple(name for name, loss in FACTS.items() if loss.both)
AT_THE_END = ("shares", "d_yhat")  # steps that there are once
# Steps that are taken in all layers in the same way.
TOGETHER = ("z_new", "W_new", "b_new", "W_new b_new")

KINDS = {  # what `--hint` says of a mistake
    "factor": "a factor",
    "sign": "a sign",
    "activation": "the activation or its derivative",
    "chain": "a factor, a path or a sum of the chain rule",
    "weights": "which weights enter",
    "input": "what is multiplied with delta",
    "bias": "the bias",
    "logarithm": "the logarithm",
    "update": "the step of gradient descent",
    "forward": "a step of the forward pass",
}
PLACES = {  # of a step, likewise
    "z": "in z{l}",
    "z_new": "after the update",
    "h": "in h{l}",
    "shares": "in the loss",
    "d_yhat": "in the derivative of the loss",
    "slope": "on the way back from h{l} to z{l}",
    "d_z": "on the way back from h{l} to z{l}",
    "d_W": "in the gradient of W{l}",
    "d_b": "in the gradient of b{l}",
    "d_h": "on the way back from z{l} through W{l}",
    "W_new": "in the new parameters",
    "b_new": "in the new biases",
}


def _place(network: Network, l: int, rate: bool) -> SimpleNamespace:
    """A layer of a network, as `Mistake.where` asks about it; `rate` says
    whether a step of gradient descent is taken."""
    facts, examples = facts_of(network.activations[l - 1]), network.examples or 1
    f, f_before = (split(network.activations[k - 1])[0] if k else "identity" for k in (l, l - 1))
    return SimpleNamespace(
        network=network,
        l=l,
        rate=rate,
        units=network.widths[l],
        inputs=network.widths[l - 1],
        bias=network.biases[l - 1],
        f=f,
        f_before=f_before,  # of the layer before; x has none
        facts=facts,
        curved=f != "identity" and not facts.mixes,  # every unit has an activation of its own
        # The activations of other layers, where each unit has its own.
        others=[
            a
            for a in dict.fromkeys(network.activations)
            if split(a)[0] not in ("identity", f) and not facts_of(a).mixes
        ],
        loss=network.loss,
        cancels=l == network.depth and network.cancels,
        examples=examples,
        batch=examples > 1,
        mean=examples > 1 and network.reduction == "mean",
    )


def _ones(array: Array) -> Array:
    return np.full(array.shape, number(array, 1), array.dtype)


def _roll(array: Array, k: int, axis: int = -1) -> Array:
    """Every entry gives way to the one k places on."""
    return np.roll(array, -k, axis)


def _only(array: Array, k: int, axis: int) -> Array:
    """The array with 0 everywhere but in its k-th place along an axis, counted from 1."""
    here = np.arange(1, array.shape[axis] + 1) == k
    return np.where(here if axis == -1 else here[:, None], array, array * 0)


def _sum(array: Array, axis: int) -> Array:
    """The sum over an axis, at each of its places."""
    return np.broadcast_to(array.sum(axis, keepdims=True), array.shape)


def _turned(W: Array) -> Array:
    """W^T in place of W; where the shapes do not allow it, its entries in that order."""
    return transposed(W).reshape(W.shape)


def _d_loss(s: SimpleNamespace, y: Array) -> Array:
    """dL/dyhat for another target."""
    return np.asarray(s.mean(LOSSES[s.network.loss].d(y, s.yhat)))


def _for(activation: Activation, s: SimpleNamespace) -> Array:
    """z as numbers that an activation can be applied to: fractions have no exponential."""
    return np.asarray(s.z if facts_of(activation).rational else s.real(s.z))


def _each(n: int) -> range:
    """The numbers of n units or examples."""
    return range(1, n + 1)


def _others(n: int) -> range:
    """How far off another entry of n can be, counted in a circle."""
    return range(1, n)


@dataclass(frozen=True)
class Mistake:
    """A kind of mistake, as said above."""

    code: str
    kind: str
    step: str
    where: Callable[[SimpleNamespace], Any]
    text: str
    edit: Callable[..., Any]


# fmt: off
CATALOGUE = (
    # The loss and its derivative
    Mistake("two-kept", "factor", "d_yhat", lambda p: p.loss == HALF,
            "the 2 of the square is kept, though the 1/2 of the loss cancels it",
            lambda right, s: 2 * right),
    Mistake("half-twice", "factor", "d_yhat", lambda p: p.loss == HALF,
            "the 1/2 of the loss is kept, though the 2 of the square cancels it",
            lambda right, s: right / 2),
    Mistake("two-missing", "factor", "d_yhat", lambda p: p.loss in UNHALVED,
            "the 2 of the square is missing, and the loss has no 1/2 that would cancel it",
            lambda right, s: right / 2),
    Mistake("outputs-missing", "factor", "d_yhat", lambda p: p.loss in MEANS and p.units > 1,
            "the loss is a mean over the outputs, and 1 over their number is missing",
            lambda right, s: right * s.yhat.shape[-1]),
    Mistake("outputs-divided", "factor", "d_yhat", lambda p: p.loss in SUMS and p.units > 1,
            "it is divided by the number of outputs, though the loss is a sum over them",
            lambda right, s: right / s.yhat.shape[-1]),
    Mistake("mean-missing", "factor", "d_yhat", lambda p: p.mean,
            "the sum over the examples is taken though the loss is their mean, 1/N is missing",
            lambda right, s: right * s.N),
    Mistake("mean-twice", "factor", "d_yhat", lambda p: p.mean,
            "1/N is applied twice",
            lambda right, s: right / s.N),
    Mistake("mean-added", "factor", "d_yhat", lambda p: p.batch and not p.mean,
            "the mean over the examples is taken though the loss is their sum",
            lambda right, s: right / s.N),
    Mistake("error-sign", "sign", "d_yhat", lambda p: p.loss not in (None, "output"),
            "the derivative of the loss has the wrong sign, as if y - yhat stood for yhat - y",
            lambda right, s: -right),
    Mistake("target-missing", "factor", "d_yhat", lambda p: p.loss in SQUARES,
            "the target is left out, yhat stands for yhat - y",
            lambda right, s: _d_loss(s, s.y * 0)),
    Mistake("target-other", "factor", "d_yhat", lambda p: p.loss in SQUARES and _others(p.units),
            "an output is compared with the target of another one",
            lambda right, s, k: _d_loss(s, _roll(s.y, k))),
    Mistake("second-term-missing", "factor", "d_yhat", lambda p: p.loss in TWO_TERMS,
            "the derivative of (1 - y)*log(1 - yhat), the second term of the loss, is missing",
            lambda right, s: s.mean(d_cross_entropy(s.y, s.yhat))),
    Mistake("second-term-sign", "sign", "d_yhat", lambda p: p.loss in TWO_TERMS,
            "the derivative of log(1 - yhat) lacks its minus sign",
            lambda right, s: s.mean(
                d_cross_entropy(s.y, s.yhat) + d_cross_entropy(1 - s.y, 1 - s.yhat))),
    Mistake("loss-half-missing", "factor", "shares", lambda p: p.loss == HALF,
            "the 1/2 of the loss is missing",
            lambda right, s: 2 * right),
    Mistake("loss-half-added", "factor", "shares", lambda p: p.loss in UNHALVED,
            "the loss is given a 1/2 that it does not have",
            lambda right, s: right / 2),
    Mistake("loss-mean-missing", "factor", "shares", lambda p: p.mean,
            "the loss is the mean over the examples, 1/N is missing",
            lambda right, s: right * s.N),
    Mistake("loss-mean-added", "factor", "shares", lambda p: p.batch and not p.mean,
            "the loss is the sum over the examples, and is divided by N",
            lambda right, s: right / s.N),
    Mistake("loss-sign", "sign", "shares", lambda p: p.loss in ENTROPIES,
            "the minus sign of the loss is lost",
            lambda right, s: -right),
    Mistake("loss-square-missing", "factor", "shares", lambda p: p.loss in SQUARES and not p.batch,
            "the error is not squared",
            lambda right, s: (s.yhat - s.y).sum(-2) / (2 if s.network.loss == HALF else 1)),
    Mistake("loss-second-term-missing", "factor", "shares", lambda p: p.loss in TWO_TERMS,
            "the second term of the loss, (1 - y)*log(1 - yhat), is missing",
            lambda right, s: s.mean(cross_entropy(s.y, s.yhat).sum(-2))),
    Mistake("log-base-10", "logarithm", "shares", lambda p: p.loss in ENTROPIES,
            "the logarithm to base 10 is taken for the natural one",
            lambda right, s: right / np.log(0 * right + number(right, 10))),

    # Forward
    Mistake("bias-forgotten", "bias", "z", lambda p: p.bias is not None,
            "the bias b{l} is forgotten",
            lambda right, s: s.h @ transposed(s.W)),
    Mistake("weights-transposed-forward", "weights", "z", lambda p: p.units == p.inputs > 1,
            "W{l} is used transposed in the forward pass",
            lambda right, s: right + s.h @ s.W - s.h @ transposed(s.W)),
    Mistake("activation-forgotten", "activation", "h", lambda p: p.f != "identity",
            "the activation {f} of layer {l} is left out, z{l} is passed on",
            lambda right, s: s.z),
    Mistake("activation-added", "activation", "h", lambda p: p.f == "identity" and p.others,
            "{k} is applied in layer {l}, which is linear",
            lambda right, s, k: activate(k, _for(k, s))),
    Mistake("exponent-sign", "sign", "h", lambda p: p.f == "sigmoid",
            "the exponent of the sigmoid in layer {l} lacks its minus sign",
            lambda right, s: 1 - right),
    Mistake("softmax-without-exponentials", "activation", "h", lambda p: p.facts.mixes,
            "z{l} is divided by its sum, without the exponentials of softmax",
            lambda right, s: s.z / s.z.sum(-1, keepdims=True)),

    # Backward through the activation, (2)
    Mistake("slope-missing", "activation", "slope", lambda p: p.curved,
            "the derivative of the activation, {f}'(z{l}), is missing",
            lambda right, s: _ones(right)),
    Mistake("slope-added", "activation", "slope", lambda p: p.f == "identity" and p.others,
            "{k}'(z{l}) is multiplied with, though layer {l} is linear",
            lambda right, s, k: pull_back(k, _for(k, s), _ones(right))),
    Mistake("slope-other", "activation", "slope", lambda p: p.curved and p.others,
            "{k}' is taken for the derivative of {f} in layer {l}",
            lambda right, s, k: pull_back(k, _for(k, s), _ones(right))),
    Mistake("slope-at-h", "activation", "slope", lambda p: p.curved and not p.facts.rational,
            "the derivative {f}' is taken at h{l} instead of z{l}",
            lambda right, s: derivative(s.f, s.h)),
    Mistake("slope-of-z", "activation", "slope", lambda p: p.f in ("sigmoid", "tanh"),
            "z{l} stands for h{l} in the derivative of {f}",
            lambda right, s: s.z * (1 - s.z) if s.f == "sigmoid" else 1 - s.z * s.z),
    Mistake("slope-in-part", "activation", "slope", lambda p: p.f in ("sigmoid", "tanh"),
            "1 - h{l} is taken for the derivative of {f}",
            lambda right, s: 1 - s.h),
    Mistake("slope-sign", "sign", "slope", lambda p: p.f in ("sigmoid", "tanh"),
            "the minus sign in the derivative of {f} in layer {l} has become a plus",
            lambda right, s: s.h * (1 + s.h) if s.f == "sigmoid" else 1 + s.h * s.h),
    Mistake("function-for-slope", "activation", "slope", lambda p: p.curved,
            "h{l} is multiplied with, the activation {f} itself in place of its derivative",
            lambda right, s: s.h),
    Mistake("mask-turned", "activation", "slope", lambda p: p.facts.kinked,
            "{f}' is 1 where z{l} is negative and 0 where it is positive",
            lambda right, s: (s.z < 0) * number(s.z, 1)),
    Mistake("mask-at-zero", "activation", "slope", lambda p: p.facts.kinked,
            "{f}'(0) is taken to be 1 in layer {l}",
            lambda right, s: np.where(s.z == 0, number(s.z, 1), right)),
    Mistake("mask-of-gradient", "activation", "d_z", lambda p: p.facts.kinked,
            "the mask of layer {l} keeps what has a positive gradient, not a positive z{l}",
            lambda right, s: s.d_h * (s.d_h > 0)),
    Mistake("slope-kept", "activation", "d_z", lambda p: p.cancels,
            "{f}' is multiplied with once more, though it cancels against the derivative of the "
            "loss",
            lambda right, s: right * s.h * (1 - s.h)),
    Mistake("target-not-subtracted", "factor", "d_z",
            lambda p: p.cancels and (p.units > 1 or p.batch),
            "the target is left out, yhat stands for yhat - y",
            lambda right, s: s.mean(s.h)),
    Mistake("softmax-diagonal", "activation", "d_z", lambda p: p.facts.mixes,
            "only the diagonal of the Jacobian of softmax is taken, h{l}*(1 - h{l})",
            lambda right, s: s.d_h * s.h * (1 - s.h)),
    Mistake("softmax-slope-missing", "activation", "d_z", lambda p: p.facts.mixes,
            "the Jacobian of softmax is missing",
            lambda right, s: s.d_h),

    # To the parameters, (3)
    Mistake("upstream-missing", "chain", "d_yhat", lambda p: p.loss != "output",
            "the derivative of the loss, dL/dyhat, is missing",
            lambda right, s: _ones(right)),
    Mistake("delta-missing", "chain", "d_W.delta", lambda p: True,
            "dL/dz{l}, what comes back to z{l}, is missing in the gradient of W{l}",
            lambda right, s: _ones(right)),
    Mistake("delta-other", "chain", "d_W.delta", lambda p: _others(p.units),
            "the delta of another unit of layer {l} stands in the gradient of W{l}",
            lambda right, s, k: _roll(right, k)),
    Mistake("weights-not-summed", "chain", "d_W.delta", lambda p: p.batch and _each(p.examples),
            "the gradient of W{l} is that of example {k} alone, not summed over the batch",
            lambda right, s, k: _only(right, k, -2)),
    Mistake("input-missing", "input", "d_W.h", lambda p: True,
            "the input {input} is missing in the gradient of W{l}",
            lambda right, s: _ones(right)),
    Mistake("input-other", "input", "d_W.h", lambda p: _others(p.inputs),
            "another entry of {input} stands in the gradient of W{l}",
            lambda right, s, k: _roll(right, k)),
    Mistake("z-for-h", "input", "d_W.h", lambda p: p.f_before != "identity",
            "z{before} stands for h{before} in the gradient of W{l}",
            lambda right, s: s.z),
    Mistake("own-output", "input", "d_W.h", lambda p: p.units == p.inputs,
            "h{l}, what leaves the layer, stands for {input} in the gradient of W{l}",
            lambda right, s: s.own),
    Mistake("x-for-h", "input", "d_W.h",
            lambda p: p.l > 1 and p.inputs == p.network.widths[0],
            "x stands for {input} in the gradient of W{l}",
            lambda right, s: s.x),
    Mistake("delta-summed", "chain", "d_W", lambda p: p.units > 1,
            "the gradient of W{l} is summed over the units, though its row stays free",
            lambda right, s: _sum(right, -2)),
    Mistake("input-summed", "chain", "d_W", lambda p: p.inputs > 1,
            "the gradient of W{l} is summed over the inputs, though its column stays free",
            lambda right, s: _sum(right, -1)),
    Mistake("weights-mean", "factor", "d_W", lambda p: p.batch,
            "the gradient of W{l} is divided by N once more",
            lambda right, s: right / s.N),
    Mistake("bias-delta-missing", "chain", "d_b", lambda p: p.bias is not None,
            "dL/dz{l} is missing in the gradient of b{l}",
            lambda right, s: _ones(right)),
    Mistake("bias-not-summed", "bias", "d_b", lambda p: p.bias and p.batch and _each(p.examples),
            "the gradient of b{l} is that of example {k} alone, not summed over the batch",
            lambda right, s, k: _only(s.delta, k, -2).sum(-2 if right.ndim == 2 else (-1, -2))),
    Mistake("bias-mean", "factor", "d_b", lambda p: p.bias and p.batch,
            "the gradient of b{l} is divided by N once more",
            lambda right, s: right / s.N),
    Mistake("bias-shared", "bias", "d_b", lambda p: p.bias == "units" and p.units > 1,
            "one number for all units is taken as the gradient of b{l}, the sum over them",
            lambda right, s: _sum(right, -1)),
    Mistake("bias-one-unit", "bias", "d_b",
            lambda p: p.bias == "shared" and p.units > 1 and _each(p.units),
            "the bias that layer {l} shares gets the delta of unit {k} alone",
            lambda right, s, k: s.delta[..., k - 1].sum(-1)),
    Mistake("bias-mean-of-units", "bias", "d_b", lambda p: p.bias == "shared" and p.units > 1,
            "the bias that layer {l} shares gets the mean of the units' deltas, not their sum",
            lambda right, s: right / s.delta.shape[-1]),

    # To the layer before, (4)
    Mistake("path-delta-missing", "chain", "d_h.delta", lambda p: True,
            "dL/dz{l} is missing where the gradient goes back through W{l}",
            lambda right, s: _ones(right)),
    Mistake("slope-skipped", "activation", "d_h.delta", lambda p: p.curved,
            "{f}'(z{l}) enters the gradient of W{l}, but is missing on the way to the layers "
            "before",
            lambda right, s: s.d_h),
    Mistake("one-path", "chain", "d_h.delta", lambda p: p.units > 1 and _each(p.units),
            "of all paths through layer {l} only that through unit {k} is followed",
            lambda right, s, k: _only(right, k, -1)),
    Mistake("path-weights-missing", "weights", "d_h.W", lambda p: True,
            "W{l} is missing where the gradient goes back through it",
            lambda right, s: _ones(right)),
    Mistake("own-path", "chain", "d_h.W", lambda p: p.units == p.inputs > 1,
            "of all paths through layer {l} only that from each unit to the unit of the same "
            "number is followed",
            lambda right, s: np.where(np.eye(right.shape[-1], dtype=bool), right, right * 0)),
    Mistake("weights-transposed", "weights", "d_h.W", lambda p: p.units > 1 and p.inputs > 1,
            "W{l} stands for its transpose where the gradient goes back through it",
            lambda right, s: _turned(right)),
    Mistake("weights-other-row", "weights", "d_h.W", lambda p: _others(p.units),
            "another row of W{l} is used where the gradient goes back through it",
            lambda right, s, k: _roll(right, k, -2)),
    Mistake("weights-other-column", "weights", "d_h.W", lambda p: _others(p.inputs),
            "another column of W{l} is used where the gradient goes back through it",
            lambda right, s, k: _roll(right, k)),
    Mistake("weights-updated", "update", "d_h.W", lambda p: p.rate and p.l > 1,
            "the gradient goes back through the already updated W{l}",
            lambda right, s: right - s.rate * s.d_W),
    Mistake("index-summed", "chain", "d_h", lambda p: p.inputs > 1,
            "dL/d{input} is summed over the units, though their index stays free",
            lambda right, s: _sum(right, -1)),

    # One step of gradient descent
    Mistake("uphill", "update", "W_new b_new", lambda p: p.rate,
            "the step goes uphill, the gradient is added",
            lambda right, s: 2 * s.old - right),
    Mistake("rate-missing", "update", "W_new b_new", lambda p: p.rate,
            "the learning rate is left out of the step",
            lambda right, s: s.old + (right - s.old) / s.rate),
    Mistake("not-updated", "update", "W_new", lambda p: p.rate,
            "the weights are left as they were",
            lambda right, s: s.old),
    Mistake("bias-kept", "update", "b_new",
            lambda p: p.rate and p.bias and p.network.update == "all",
            "the biases are left as they were",
            lambda right, s: s.old),
    Mistake("bias-updated", "update", "b_new",
            lambda p: p.rate and p.bias and p.network.update == "weights",
            "the biases are updated, too, though the step is on the weights",
            lambda right, s: s.old - s.rate * s.gradient),
    Mistake("old-weights", "update", "z_new", lambda p: p.rate,
            "the weights from before the update are used after it",
            lambda right, s: s.z_old),
)
# fmt: on


@dataclass(frozen=True)
class Instance:
    """A mistake made in one layer, or in all where it can be made. Its edit
    gets `variant`, unless that is None."""

    mistake: Mistake
    layers: tuple[int, ...]
    variant: Any
    text: str
    hint: str

    @property
    def code(self) -> str:
        """The code of its kind."""
        return self.mistake.code

    def edits(self) -> Iterator[tuple[Step, Edit]]:
        """The steps that are edited, and the edits."""
        edit = self.mistake.edit
        for step in self.mistake.step.split():
            for l in self.layers:
                yield (step, l), edit if self.variant is None else partial(edit, k=self.variant)

    def excludes(self, other: "Instance") -> bool:
        """Whether the two are one mistake made twice in the same place."""
        return self.mistake is other.mistake and not set(self.layers).isdisjoint(other.layers)


def _instance(mistake: Mistake, places: Sequence[SimpleNamespace], variant: Any) -> Instance:
    p, everywhere = places[0], len(places) > 1
    l: int | str = "" if everywhere else p.l
    before: int | str = "" if everywhere else p.l - 1
    fs = {place.f for place in places}
    words = {
        "l": l,
        "f": p.f if len(fs) == 1 else "f",
        "input": "h" if everywhere else f"h{before}" if p.l > 1 else "x",
        "before": before,
        "k": variant[0] if isinstance(variant, tuple) else variant,
    }
    text, hint = mistake.text, f"{KINDS[mistake.kind]} {PLACES[re.split('[. ]', mistake.step)[0]]}"
    if everywhere and mistake.step not in TOGETHER:
        text, hint = (f"{words}, in every layer" for words in (text, hint))
    for at in (" of layer {l}", " in layer {l}", " layer {l}"):
        text, hint = (words.replace(at, "") if everywhere else words for words in (text, hint))
    layers = tuple(place.l for place in places)
    return Instance(mistake, layers, variant, text.format(**words), hint.format(**words))


def instances(network: Network, rate: bool) -> tuple[Instance, ...]:
    """Every mistake that can be made in a network, where it can be made; `rate`
    says whether there is an update."""
    several: list[Instance] = []
    layers = [_place(network, l, rate) for l in range(1, network.depth + 1)]
    for mistake in CATALOGUE:
        places = layers[-1:] if mistake.step in AT_THE_END else layers
        answers = [(place, mistake.where(place)) for place in places]
        plain = [place for place, answer in answers if answer and not isinstance(answer, Iterable)]
        if mistake.step not in TOGETHER:
            several += [_instance(mistake, [place], None) for place in plain]
        if len(plain) > 1 or (plain and mistake.step in TOGETHER):
            several.append(_instance(mistake, plain, None))
        for place, answer in answers:
            if isinstance(answer, Iterable) and not isinstance(answer, str):
                several += [_instance(mistake, [place], variant) for variant in answer]
    return tuple(several)


def edits_of(
    made: Iterable[Instance], variants: Iterable[Array | None] = itertools.repeat(None)
) -> Edits:
    """The edits of mistakes made in one pass: all together, or each in its own variants."""
    edits: dict[Step, list[tuple[Edit, Array | None]]] = {}
    for instance, rows in zip(made, variants, strict=False):
        for step, edit in instance.edits():
            edits.setdefault(step, []).append((edit, rows))
    return edits
