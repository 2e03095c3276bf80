"""Checks a backward pass that somebody wrote, whatever it is written in."""

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import manual
from gradsheet.checking.arguments import check_options, given_data, in_type, network_of
from gradsheet.checking.asked import ParameterGradients, asked_for
from gradsheet.checking.causes import LOOSE
from gradsheet.checking.corner import at_once, is_between, slope_below, slopes_taken
from gradsheet.checking.prepared import Prepared, prepared
from gradsheet.checking.probes import Data, drawn
from gradsheet.checking.result import Check, Row, require_right
from gradsheet.checking.returned import VECTOR, type_name
from gradsheet.checking.rounding import FEW_BITS, float_type
from gradsheet.checking.subject import Misbehaved, Subject
from gradsheet.checking.telling import Telling
from gradsheet.checking.trial import Trial, run_trial
from gradsheet.checking.truth import truth_at
from gradsheet.language.functions import facts_of
from gradsheet.network.losses import SQUARES
from gradsheet.numbers.session import LIBRARY, Session
from manual.activations import Array, split
from manual.losses import REDUCTIONS


def check(
    fn: Callable[..., Any],
    widths: Sequence[int] = (4, 5, 3, 2),
    activations: Any = None,
    loss: str = "half_squared_error",
    reduction: str = "mean",
    batch: int = 4,
    *,
    biases: Any = "units",
    what: str = "gradients",
    of: str = "yhat",
    dtype: str = "float64",
    array: Callable[[Array], Any] = np.array,
    params: Any = None,
    x: Any = None,
    y: Any = None,
    at_zero: float | None = None,
    inputs_first: bool | None = None,
    session: Session = LIBRARY,
) -> Check:
    """Whether a backward pass is right; if not, where it breaks and why.

    fn(params, x, y) is called with params a list of (W, b), W (units, inputs),
    b (units,); x is (batch, inputs), y (batch, outputs), one-hot where the loss
    is "cross_entropy", or None where it is "output". It returns the gradients
    by the parameters, in the same structure or in any that can be read, or
    (loss, gradients). Where it raises on W as (units, inputs) it is given W as
    (inputs, units); where all W are square, it is called with others to find
    that out. What was assumed is said in the result.

    widths       the inputs and the units of every layer
    activations  one a layer, as in `manual.gradients`; None is relu, and
                 identity in the last layer
    loss         one of those of `manual.gradients`; reduction "mean" or "sum"
                 over the examples
    biases       "units", "shared" (one number a layer) or None, for all layers
                 or one a layer
    what         "gradients"; "per_example_gradients", with an axis of the
                 examples in front; "jacobian" of the node `of`, of that node's
                 shape (batch, units) in front; "hvp", where
                 fn(params, x, y, direction) returns the Hessian times the
                 direction
    dtype        "float64", "float32", "float16" or "bfloat16": the type of the
                 numbers that fn is given
    array        makes fn's arrays from NumPy's: `torch.tensor`,
                 `jax.numpy.asarray`
    params, x, y data of one's own to judge on, in place of the probes
    at_zero      what f'(0) of relu has to be; None takes any from 0 to 1
    inputs_first whether fn is given W, and returns dW, as (inputs, units); None
                 finds it out from the shapes
    session      where the probes of a network are kept for further functions

    Numbers are compared exactly where floats round nothing, else to the forward
    error bound of their type. Raises ValueError or TypeError where an argument
    does not fit, among them networks of more than two million parameters, and
    nothing that fn raises. What takes longer than two seconds is told on
    standard error.
    """
    check_options(fn, what, dtype, array, at_zero, inputs_first)
    given = type_name(array(np.zeros(1, float_type(dtype))))  # what array makes of dtype

    def trial_of(ready: Prepared, at_zero: float | None = None) -> Trial:
        subject = Subject(fn, ready.asked, dtype, array, given)
        return _in_its_layout(subject, ready, at_zero, inputs_first)

    with Telling() as telling:
        if params is None and x is None and y is None:
            network = network_of(widths, activations, loss, reduction, batch, biases)
            coarse = given if given in FEW_BITS else "float32"
            ready = prepared(what, of, network, coarse, telling, session)
            telling.at("calls the function, and compares what it returns")
            trial = trial_of(ready, at_zero)
            if (coarsest := trial.coarsest) in FEW_BITS and coarsest != given and network.rational:
                again = prepared(what, of, network, coarsest, telling, session)
                trial = trial_of(again, at_zero)
        else:
            network, data = given_data(params, x, y, activations, loss, reduction)
            telling.at("finds the truth for these data, and calls the function")
            asked = asked_for(what, of, network)
            trial = _on_given_data(trial_of, asked, in_type(data, dtype), at_zero)
        if trial.check.wrong:
            telling.at("looks for the mistake")
            trial.find_causes()
            ready = trial.prepared
            if what != "hvp" and not any(ready.simulations):
                _name_on_a_narrow_one(trial, trial_of, of, session)
            if ready.is_drawn and not trial.check.faults and what != "jacobian":
                _try_other_losses(trial)
        return trial.check


def _on_given_data(
    trial_of: Callable[..., Trial], asked: ParameterGradients, data: Data, at_zero: float | None
) -> Trial:
    """The check on somebody's numbers. Where a z with a kink is exactly 0, any
    slope between both sides' is right."""
    truth, activations = truth_at(asked, data), asked.network.activations
    trial = trial_of(Prepared(asked, [data], [truth]), at_zero)
    zs = manual.forward(data.params, data.x, activations).z
    at_kink = [l for l in asked.network.kinked if (zs[l - 1] == 0).any()]
    answer = trial.answers[0] if trial.answers else None
    if not at_kink or answer is None:
        return trial
    if asked.what == "hvp":
        trial.check.remarks.append("a z is exactly 0, and f'(0) = 0 is asked for there")
        return trial
    loose = LOOSE * trial.roundoff
    slopes = slopes_taken(asked, data, at_kink, answer.arrays, loose)
    if at_zero is not None:
        slopes |= {l: float(at_zero) for l in at_kink if facts_of(activations[l - 1]).dead}
    elif not all(is_between(s, slope_below(activations[l - 1])) for l, s in slopes.items()):
        return trial
    taken = asked.with_slopes(data, slopes)
    if not slopes or not all(np.isfinite(array).all() for array in taken.values()):
        return trial
    values = truth.values | {name: taken[name] for name in asked.shapes}
    # The bounds are for f'(0) = 0, with which some entries are 0 and nobody errs.
    errors = {
        name: error + loose * abs(values[name]).max(initial=0)
        for name, error in truth.errors.items()
    }
    other_truth = replace(truth, values=values, errors=errors)
    other = trial_of(Prepared(asked, [data], [other_truth]), at_zero)
    if other.check.right:
        taken_for = [(split(activations[l - 1])[0], l, slopes[l]) for l in sorted(slopes)]
        other.check.kink = Row("at z = 0", "yes", None, at_once(taken_for))
    return other if other.check.right or at_zero is not None else trial


def assert_right(fn: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Raise AssertionError with the report unless a backward pass is right. The
    arguments are those of `check`."""
    __tracebackhide__ = True
    require_right(check(fn, *args, **options), "the backward pass")


def _in_its_layout(
    subject: Subject, ready: Prepared, at_zero: float | None, inputs_first: bool | None
) -> Trial:
    """The check with W as (units, inputs), or as (inputs, units) where fn
    raises on that, or where the caller says so.

    Square W raise nowhere: a call with others decides. Of the ways in which an
    answer can be read, those that shapes tell apart are as that call was read;
    that one is right shows nothing about them. Only the order of the parts of a
    vector no shapes tell.
    """
    widths = subject.asked.network.widths
    guessed = inputs_first is None and all(a == b for a, b in itertools.pairwise(widths))
    layouts: tuple[bool, ...] = (False, True) if inputs_first is None else (inputs_first,)
    unequal: Subject | None = None
    if guessed:
        unequal = _at_unequal_widths(subject, layouts)
        layouts = (unequal is not None and unequal.inputs_first,)
    trials = [run_trial(replace(subject, inputs_first=layouts[0]), ready, at_zero)]
    if not trials[0].answers and len(layouts) > 1:
        trials.append(run_trial(replace(subject, inputs_first=True), ready, at_zero))
    trial = next((trial for trial in trials if trial.answers), trials[0])
    if not trial.answers:  # which layout was meant nobody knows
        for other in trials[1:]:
            new = [fault for fault in other.check.faults if fault not in trial.check.faults]
            trial.check.faults += [f"with W as (inputs, units): {fault}" for fault in new]
    subject = trial.subject
    if subject.readings > 1 and not trial.check.right:
        unequal = unequal or _at_unequal_widths(subject, (subject.inputs_first,))
        if unequal is not None and unequal.readings == 1:
            trial = run_trial(replace(subject, words=unequal.read_as), ready, at_zero)
        elif VECTOR in subject.read_as:
            others = (
                run_trial(replace(subject, reading=reading), ready, at_zero)
                for reading in range(1, subject.readings)
            )
            trial = next((other for other in others if other.check.right), trial)
    if guessed and unequal is None:
        trial.check.assumed.append(
            "W as (units, inputs), where its shape does not tell: or write inputs_first=True"
        )
    return trial


def _at_unequal_widths(subject: Subject, layouts: Sequence[bool]) -> Subject | None:
    """The function after an answer at a network of the same kind in which all
    widths differ; None where it has none."""
    network = subject.asked.network
    least = 1 if network.loss == "output" else 2
    widths = tuple(range(network.depth + least, least - 1, -1))
    asked = subject.asked.at(replace(network, widths=widths))
    if (data := next(drawn(asked.network, "float32"), None)) is None:
        return None
    for inputs_first in layouts:
        unequal = replace(subject, asked=asked, inputs_first=inputs_first)
        with contextlib.suppress(Misbehaved):
            unequal(data)
            return unequal
    return None


def _name_on_a_narrow_one(
    trial: Trial, trial_of: Callable[[Prepared], Trial], of: str, session: Session
) -> None:
    """Make and name mistakes on a narrow network of the same kind, if fn takes one."""
    network = trial.asked.network
    sizes = itertools.cycle((4, 5, 3, 2))
    widths = tuple(w if w < 6 else next(sizes) for w in network.widths)
    narrow = replace(network, widths=widths, examples=min(4, network.examples or 1))
    small = trial_of(prepared(trial.asked.what, of, narrow, session=session))
    if small.check.wrong:
        small.find_causes()
    if small.check.naming.equals and small.check.wrong == trial.check.wrong:
        trial.check.naming = replace(small.check.naming, elsewhere=True)
        trial.check.remarks.append(
            f"the mistake is named on a {'-'.join(map(str, widths))} network of the same kind"
        )


def _try_other_losses(trial: Trial) -> None:
    """Whether the function is right for another loss of squares, or reduction."""
    if not trial.is_scaled:
        return
    network, what = trial.asked.network, trial.asked.what
    losses = SQUARES if network.loss in SQUARES else (network.loss,)
    has_reduction = (network.examples or 1) > 1 and what != "per_example_gradients"
    reductions = REDUCTIONS if has_reduction else (network.reduction,)
    for loss, reduction in itertools.product(losses, reductions):
        other = replace(network, loss=loss, reduction=reduction)
        if other != network and trial.is_right_for(trial.asked.at(other)):
            trial.check.remarks.append(f'it is right for loss="{loss}", reduction="{reduction}"')
            trial.check.steps, trial.check.follows = [], []  # no step is wrong, for that loss
