"""One step of the pass as a formula of the sheet's language.

There is one for an entry of a tensor, and one for the tensor as a whole. These
are (1) to (4) of `manual`, with the loss in front, each from what the step
before has given:

    z_l = W_l h_{l-1} + b_l             h_l = f_l(z_l)       (1)
    dL/dz_l = f_l'(z_l) dL/dh_l                              (2)
    dL/dW_l = dL/dz_l h_{l-1}^T         dL/db_l = dL/dz_l    (3)
    dL/dh_{l-1} = W_l^T dL/dz_l                              (4)

On a batch the examples are rows, and what goes to the parameters is added up
over them.
"""

import re
from collections.abc import Callable, Collection, Iterable

from gradsheet.language.formula import NEW
from gradsheet.language.functions import ActivationFacts, facts_of
from gradsheet.mistakes.derivation import LETTERS, Index, slope, slope_text
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.solution.quantities import layer_of
from gradsheet.truth.values import Tensor
from manual.activations import split


def _indexed(name: str, *indices: Index) -> str:
    """An entry of a tensor, W1[i,2], or without indices the tensor."""
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


def is_given(tensor: Tensor) -> bool:
    """Tell whether a sheet gives a tensor: inputs, targets, a parameter or the learning rate."""
    if not isinstance(tensor, str):
        return False
    is_parameter = tensor[0] in "Wb" and not tensor.endswith(NEW)
    return is_parameter or tensor in ("x", "h0", "y", "learning_rate")


def _node(tensor: Tensor) -> str:
    """The node or parameter that a tensor is, or is the gradient by."""
    return tensor if isinstance(tensor, str) else tensor[1]


class Rules:
    """The formulas of one network's steps, as text that `formula.parse` reads.

    Bound letters are taken from `letters`, in their order. With `cancels` the
    last activation and its loss are taken together where that leaves yhat - y.
    """

    def __init__(self, network: Network, letters: Iterable[str] = LETTERS, *, cancels: bool = True):
        self.network, self.letters = network, tuple(letters)
        # Whether dL/dz of the last layer is yhat - y.
        self.cancels = cancels and network.cancels
        self.example = "n" if "n" in self.letters else self.letters[-1]
        self.batch = network.examples is not None
        # How many examples the loss is the mean over, None where it is no mean.
        self.mean = None
        if network.reduction == "mean" and (network.examples or 1) > 1:
            self.mean = network.examples

    def h(self, l: int) -> str:
        """Name what layer l gives, x for the inputs and yhat for the output."""
        return "x" if l == 0 else "yhat" if l == self.network.depth else f"h{l}"

    def axes(self, tensor: Tensor) -> tuple[int, ...]:
        """Return the lengths of a tensor's axes."""
        return self.network.shapes[self.network.canonical(_node(tensor))]

    def open(self, tensor: Tensor) -> tuple[Index, ...]:
        """Choose letters for a tensor's indices: n for the examples, then i and j.

        On an axis of length 1 the index is 1.
        """
        axes, has_examples = self.axes(tensor), self.batch and _node(tensor)[0] in "xyzh"
        letters: list[Index] = [self.example] if has_examples else []
        letters += self._fresh([self.example])[: len(axes) - len(letters)]
        return tuple(1 if size == 1 else letter for size, letter in zip(axes, letters, strict=True))

    def _fresh(self, taken: Collection[Index]) -> list[str]:
        return [letter for letter in self.letters if letter not in taken]

    def _examples(self, taken: Collection[Index]) -> list[Index]:
        """A letter for the examples, which stands first; nothing where there is one example."""
        if not self.batch:
            return []
        return [next(n for n in (self.example, *self.letters) if n not in taken)]

    def _sum(self, size: int, taken: Collection[Index], term: Callable[[Index], str]) -> str:
        """The sum of a term over an axis; over an axis of length 1 the term at 1."""
        if size == 1:
            return term(1)
        letter = self._fresh(taken)[0]
        return f"sum({letter}, {term(letter)})"

    # An entry

    def entry(self, tensor: Tensor, indices: tuple[Index, ...]) -> str | None:
        """Write the formula of one entry from the step before; None where the language has none."""
        name = _node(tensor)
        if isinstance(tensor, str):
            if name.endswith(NEW):
                return self._updated(name, indices, self.entry(name.removesuffix(NEW), indices))
            if name == "L":
                return self._loss()
            if name == "shares":
                return self._loss(indices[0])
            return self._forward(name, indices) if name == "yhat" or name[0] in "zh" else None
        if tensor[0] == "shares":
            return self._share_back(name, indices)
        if tensor[0] != "L":
            return None
        return (self._of_loss if name in ("yhat", "y") else self._backward)(name, indices)

    def _updated(self, name: str, indices: tuple[Index, ...], before: str | None) -> str | None:
        """A parameter after the step; of all else the formula `before` it, with what is new."""
        bare = name.removesuffix(NEW)
        if bare[0] not in "Wb":
            return before and re.sub(
                r"\b([Wbzh]\d+|yhat)\b",
                lambda old: old[0] + NEW if old[0] + NEW in self.network.names else old[0],
                before,
            )
        old = _indexed(bare, *indices)
        if bare[0] == "b" and self.network.update == "weights":
            return old
        return f"{old} - learning_rate*{_indexed(f'dL/d{bare}', *indices)}"

    def _forward(self, name: str, indices: tuple[Index, ...]) -> str | None:
        """An entry of a z or h: (1)."""
        l = layer_of(name, self.network)
        if l == 0:
            return None
        *first, i = indices
        if name[0] == "z":
            W, before = f"W{l}", self.h(l - 1)
            text = self._sum(
                self.network.widths[l - 1],
                indices,
                lambda j: f"{W}[{i},{j}]*{_indexed(before, *first, j)}",
            )
            bias = {None: "", "units": f" + b{l}[{i}]", "shared": f" + b{l}"}
            return text + bias[self.network.biases[l - 1]]
        z = _indexed(f"z{l}", *indices)
        if self._facts(l).mixes:
            k = self._fresh(indices)[0]
            return f"exp({z})/sum({k}, exp({_indexed(f'z{l}', *first, k)}))"
        return self._activation(l, z)

    def _facts(self, l: int) -> ActivationFacts:
        return facts_of(self.network.activations[l - 1])

    def _activation(self, l: int, z: str) -> str:
        parameters = split(self.network.activations[l - 1])[1]
        return self._facts(l).text.format(z=z, slope=slope_text(parameters))

    def _averaged(self, text: str) -> str:
        """A term of the loss, or of its gradient, over how many examples that is the mean."""
        return f"{text}/{self.mean}" if self.mean else _bare(text)

    def _loss(self, output: Index | None = None) -> str | None:
        """The loss, or the share of one output in it."""
        if self.network.loss is None:
            return None
        facts = losses.of(self.network.loss)
        minus = output is None and bool(facts.negated)  # one sign in front of all the sums
        share = facts.negated if minus else facts.text
        n = self._examples(())

        def of(k: Index) -> str:
            return self._at_output(share, (*n, k))

        text = self._sum(self.network.widths[-1], n, of) if output is None else of(output)
        text = f"sum({n[0]}, {text})" if self.batch else _bare(text)
        return self._averaged(f"-{text}" if minus else text)

    def _of_loss(self, name: str, indices: tuple[Index, ...]) -> str | None:
        """dL/dyhat or dL/dy."""
        if self.network.loss is None:
            return None
        facts = losses.of(self.network.loss)
        gradient = facts.gradient if name == "yhat" else facts.by_target
        return self._averaged(self._at_output(gradient, indices))

    def _at_output(self, text: str, indices: tuple[Index, ...]) -> str:
        """A formula of the loss at one output and its target."""
        yhat, y = _indexed("yhat", *indices), _indexed("y", *indices)
        return text.format(yhat=yhat, y=y, outputs=self.network.widths[-1])

    def _share_back(self, name: str, indices: tuple[Index, ...]) -> str | None:
        """dL[k] by an h of the layer before the last, where no softmax mixes the outputs."""
        last = self.network.depth
        if name != f"h{last - 1}" or self._facts(last).mixes or self.batch:
            return None
        k, j = indices
        return f"dL/dz{last}[{k}]*W{last}[{k},{j}]"

    def _backward(self, name: str, indices: tuple[Index, ...]) -> str | None:
        """An entry of the gradient by a node or parameter: (2) to (4)."""
        l, n = layer_of(name, self.network), self._examples(indices)
        if name[0] in "xh":  # (4)
            *first, j = indices
            return self._sum(
                self.network.widths[l + 1],
                indices,
                lambda i: f"W{l + 1}[{i},{j}]*{_indexed(f'dL/dz{l + 1}', *first, i)}",
            )
        if name[0] == "z":  # (2)
            return self._through(l, indices)
        if name[0] == "W":  # (3)
            i, j = indices
            term = f"{_indexed(f'dL/dz{l}', *n, i)}*{_indexed(self.h(l - 1), *n, j)}"
        elif indices:
            term = _indexed(f"dL/dz{l}", *n, *indices)
        else:
            term = self._sum(self.network.widths[l], n, lambda i: _indexed(f"dL/dz{l}", *n, i))
        return f"sum({n[0]}, {term})" if self.batch else term

    def uncancelled(self, tensor: Tensor, indices: tuple[Index, ...]) -> str | None:
        """Write an entry of the last dL/dz before anything cancels; None where nothing does."""
        last = self.network.depth
        if not self.cancels or tensor != ("L", f"z{last}"):
            return None
        return self._through(last, indices, together=False)

    def _through(self, l: int, indices: tuple[Index, ...], *, together: bool = True) -> str | None:
        """An entry of dL/dz: (2), the last layer's together with its loss where that cancels."""
        h = self.h(l)
        d_h, at_h, z = (_indexed(name, *indices) for name in (f"dL/d{h}", h, f"z{l}"))
        if together and l == self.network.depth and self.cancels:
            return self._averaged(f"({at_h} - {_indexed('y', *indices)})")
        if self._facts(l).mixes:
            *first, _ = indices
            inner = self._sum(
                self.network.widths[l],
                indices,
                lambda k: f"{_indexed(f'dL/d{h}', *first, k)}*{_indexed(h, *first, k)}",
            )
            return f"{at_h}*({d_h} - {inner})"
        factor = slope(self.network.activations[l - 1], z, at_h)
        return d_h + (f"*{factor}" if factor else "")

    # A whole tensor

    def whole(self, tensor: Tensor) -> str | None:
        """Write the formula of a whole vector or matrix; None where only its entries have one."""
        name = _node(tensor)
        if is_given(tensor):
            return None
        if isinstance(tensor, str) and name.endswith(NEW):
            return self._updated(name, (), self.whole(name.removesuffix(NEW)))
        if name == "L" or not self.axes(tensor):
            return self.entry(tensor, ())
        if isinstance(tensor, str):
            return self._whole_forward(name)
        return self._whole_backward(name) if tensor[0] == "L" else None

    def _whole_forward(self, name: str) -> str | None:
        l = layer_of(name, self.network)
        if name[0] != "z":
            return self._activation(l, f"z{l}") if self._facts(l).is_whole else None
        product = f"{self.h(l - 1)} @ W{l}.T" if self.batch else f"W{l} @ {self.h(l - 1)}"
        if self.network.biases[l - 1] is None:
            return product
        shared = self.network.biases[l - 1] == "shared"
        bias = _ones(f"b{l}", self.network.widths[l]) if shared else f"b{l}"
        ones = _ones("1", self.network.examples or 1)
        return f"{product} + {f'outer({ones}, {bias})' if self.batch else bias}"

    def _whole_backward(self, name: str) -> str | None:
        if name in ("yhat", "y"):
            return self._of_loss(name, ()) if losses.of(self.network.loss).is_whole else None
        l = layer_of(name, self.network)
        if name[0] in "xh":
            return f"dL/dz{l + 1} @ W{l + 1}" if self.batch else f"W{l + 1}.T @ dL/dz{l + 1}"
        if name[0] == "W":
            h = self.h(l - 1)
            return f"dL/dz{l}.T @ {h}" if self.batch else f"outer(dL/dz{l}, {h})"
        if name[0] == "b":
            return None if self.batch else f"dL/dz{l}"
        together = l == self.network.depth and self.cancels
        return self._through(l, ()) if together or self._facts(l).rational else None


def _bare(text: str) -> str:
    """Without the parentheses that hold all of a formula together."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return text[1:-1] if text[:1] == "(" and at == len(text) - 1 else text
    return text


def _ones(text: str, number: int) -> str:
    return f"[{', '.join([text] * number)}]"
