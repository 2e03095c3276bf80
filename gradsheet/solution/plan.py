"""The order of the steps, and which of them the claims of a sheet speak of."""

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
from gradsheet.truth.steps import Tensor
from gradsheet.truth.target import core_of


def sections(
    sheet: Sheet, writer: Writer, claims: Sequence[tuple[Claim, Judgement | None]]
) -> list[Section]:
    """The standard steps in their order, with what the claims ask for behind the step that it belongs to."""
    network, plan = sheet.network, list(_plan(sheet))
    homes = {tensor: writer.standard(tensor) for _, tensors in plan for tensor in tensors}
    others: list[Step] = []
    for claim, judgement in claims:
        found = core_of(claim.tree, sheet.exact_rate)
        core = found[1] if found else None
        home = others if core is None else homes.get(tensor_of(core, network)[0], others)
        tree = canonical(claim.tree, network)
        step = next((step for step in home if canonical(step.quantity, network) == tree), None)
        if step is None:
            step = writer.answer(claim, core, judgement)
            first = home[0] if home and home is not others else None
            if (
                first is not None
                and core == claim.tree
                and not first.remarks
                and alike(core, first.quantity)
            ):
                first.quantity, first.lines = (
                    step.quantity,
                    step.lines,
                )  # the same, in the sheet's letters
                step = first
            else:
                home.append(step)
        if not step.remarks:
            step.names = writer.notation.used_in(claim)
        step.remarks.append(_remark(claim, judgement))
    found_sections = [
        Section(title, [step for t in tensors for step in homes[t]]) for title, tensors in plan
    ]
    return [
        section for section in [*found_sections, Section("Also asked for", others)] if section.steps
    ]


def _plan(sheet: Sheet) -> Iterator[tuple[str, list[Tensor]]]:
    """The sections and the tensors of each."""
    network, depth = sheet.network, sheet.network.depth
    asked = [part for claim in sheet.claims for part in f.walk(claim.tree)]
    names = {network.canonical(part.name) for part in asked if isinstance(part, f.Quantity)}
    new = any(name.endswith(NEW) for name in names)
    nodes = [
        "yhat" if name == f"h{depth}" else name
        for l in range(1, depth + 1)
        for name in (f"z{l}", f"h{l}")
    ]
    yield "Forward pass", list(nodes)
    if network.loss is not None:
        yield "Loss", ["L"]
    if network.loss is not None or sheet.params is None:
        tensors: list[Tensor] = [("L", "yhat")]
        for l in range(depth, 0, -1):
            tensors += [
                ("L", name) for name in (f"z{l}", f"W{l}", f"b{l}") if name in network.shapes
            ]
            below = "x" if l == 1 else f"h{l - 1}"
            if l > 1 or any(_is_dx(part, network) for part in asked):
                tensors.append(("L", below))
        yield "Backward pass", tensors
    if new and sheet.rate is not None:
        yield (
            "Step of gradient descent",
            [
                f"{name}{NEW}"
                for l in range(1, depth + 1)
                for name in (f"W{l}", f"b{l}")
                if name in network.shapes
            ],
        )
        if any(name.endswith(NEW) and name[0] not in "Wb" for name in names):
            yield (
                "After the step",
                [f"{name}{NEW}" for name in [*nodes, *["L"] * (network.loss is not None)]],
            )


def _is_dx(part: f.Node, network: Network) -> bool:
    return (
        isinstance(part, f.Derivative)
        and part.of.name == "L"
        and network.canonical(part.by.name) == "x"
    )


def _remark(claim: Claim, judgement: Judgement | None) -> Remark:
    """What is to be said on a claim."""
    if judgement is None:
        return Remark(claim.question)
    text = "" if judgement.verdict == "right" else short(plain(judgement.claimed))
    if message := judgement.all_messages():
        text = f"{text}: {message}" if text else message
        text += f"; tried at {judgement.witness}" if judgement.witness else ""
    return Remark(claim.question, judgement.verdict, text)
