"""The order of the steps, and which of them the claims of a sheet speak of."""

import itertools
from collections.abc import Iterator, Sequence

from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.shown import short
from gradsheet.network.network import Network
from gradsheet.numbers.printed import plain
from gradsheet.solution.quantities import alike, canonical, tensor_of
from gradsheet.solution.solution import Remark, Section, Step
from gradsheet.solution.writer import Writer
from gradsheet.truth.target import core_of
from gradsheet.truth.values import Tensor


def sections(
    sheet: Sheet, writer: Writer, claims: Sequence[tuple[Claim, Judgement | None]]
) -> list[Section]:
    """Write the standard steps in their order, what claims ask for behind its step.

    Every claim leaves a remark at the step that it speaks of.
    """
    titled = list(_titled(sheet))
    homes = {tensor: writer.standard(tensor) for _, tensors in titled for tensor in tensors}
    others: list[Step] = []
    for claim, judgement in claims:
        target = core_of(claim.tree, sheet.exact_rate)
        core = target[1] if target else None
        home = others if core is None else homes.get(tensor_of(core, sheet.network)[0], others)
        tree = canonical(claim.tree, sheet.network)
        same = (step for step in home if canonical(step.quantity, sheet.network) == tree)
        step = next(same, None)
        if step is None:
            step = writer.answer(claim, core, judgement)
            if home and home is not others and _answers(home[0], claim, core):
                # The same in the sheet's letters, which take the place of ours.
                home[0].quantity, home[0].lines = step.quantity, step.lines
                step = home[0]
            else:
                home.append(step)
        if not step.remarks:
            step.names = writer.notation.used_in(claim)
        step.remarks.append(_remark(claim, judgement))
    written = [(title, [homes[tensor] for tensor in tensors]) for title, tensors in titled]
    written.append(("Also asked for", [others]))
    chained = [(title, list(itertools.chain.from_iterable(steps))) for title, steps in written]
    return [Section(title, steps) for title, steps in chained if steps]


def _answers(step: Step, claim: Claim, core: f.Node | None) -> bool:
    """Whether a step that no claim has spoken of answers one, but for the letters."""
    return not step.remarks and core == claim.tree and alike(claim.tree, step.quantity)


def _titled(sheet: Sheet) -> Iterator[tuple[str, list[Tensor]]]:
    """The titles of the sections, each with the tensors that it has steps to."""
    network, depth = sheet.network, sheet.network.depth
    asked = [node for claim in sheet.claims for node in f.walk(claim.tree)]
    names = {network.canonical(node.name) for node in asked if isinstance(node, f.Quantity)}
    forward: list[Tensor] = []
    for l in range(1, depth + 1):
        forward += [f"z{l}", "yhat" if l == depth else f"h{l}"]
    yield "Forward pass", forward
    has_loss = network.loss is not None
    if has_loss:
        yield "Loss", ["L"]
    if has_loss or sheet.params is None:
        derivatives = [node for node in asked if isinstance(node, f.Derivative)]
        ends = {(node.of.name, network.canonical(node.by.name)) for node in derivatives}
        yield "Backward pass", list(_backward(network, by_input=("L", "x") in ends))
    updated = {name for name in names if name.endswith(NEW)}
    if updated and sheet.rate is not None:
        params: list[Tensor] = []
        for l in range(1, depth + 1):
            params += [f"{name}{NEW}" for name in (f"W{l}", f"b{l}") if name in network.shapes]
        yield "Step of gradient descent", params
        if any(name[0] not in "Wb" for name in updated):
            nodes = [*forward, "L"] if has_loss else forward
            yield "After the step", [f"{name}{NEW}" for name in nodes]


def _backward(network: Network, *, by_input: bool) -> Iterator[Tensor]:
    """The gradients from the output on, layer by layer, at last, where it is wanted, by x."""
    yield "L", "yhat"
    for l in range(network.depth, 0, -1):
        yield from (("L", name) for name in (f"z{l}", f"W{l}", f"b{l}") if name in network.shapes)
        if l > 1:
            yield "L", f"h{l - 1}"
        elif by_input:
            yield "L", "x"


def _remark(claim: Claim, judgement: Judgement | None) -> Remark:
    if judgement is None:
        return Remark(claim.question)
    text = "" if judgement.verdict == "right" else short(plain(judgement.claimed))
    if message := judgement.all_messages():
        text = f"{text}: {message}" if text else message
        if judgement.witness:
            text += f"; tried at {judgement.witness}"
    return Remark(claim.question, judgement.verdict, text)
