"""The tape: which ops led from attached tensors to a loss, and the walk back over them.

    with gm:                 tape   add    x, w    -> y        (serial numbers of tensors)
        y = x + w                   square y       -> z        keeps y: its gradient needs it
        z = y * y

A node keeps only the values that its backward pass reads. Eagerly each node's backward pass is one
compiled kernel; in a trace, or where an outer tape watches, its ops are replayed and so recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tyc.dialects.ods import Op
from tyc.dispatch import apply
from tyc.functional.elementwise import add
from tyc.runtime.errors import UserError
from tyc.state import STATE
from tyc.tensors import Tensor, Variable

if TYPE_CHECKING:
    from tyc.budget import Kept
    from tyc.compiler.eager_gradient import Recipe

Gradients = list["Tensor | None"]


@dataclass
class Node:
    """One op, or one function with a gradient of its own: serial numbers of operands and results,
    and `backward(gradients of the results)`, which gives those of the operands."""

    operands: list[int]
    results: list[int]
    backward: Callable[[Gradients], Gradients]


@dataclass
class Tape:
    """Nodes in the order in which they ran; `tracked` are the tensors that depend on attached ones.

    After `walk` the tape is `used`: it has let go of everything.
    """

    nodes: list[Node] = field(default_factory=list)
    tracked: set[int] = field(default_factory=set)
    used: bool = False

    def record(
        self, op: type[Op], tensors: list[Any], attributes: dict[str, Any], results: list[Tensor]
    ) -> None:
        """Notes one op where it leads from a tracked tensor to a float."""
        tracked = self.tracked
        flat = [t for g in tensors for t in (g if isinstance(g, list) else [g]) if t is not None]
        wanted = [t._serial in tracked and t.dtype.is_float for t in flat]
        if self.used or not any(wanted) or not any(r.dtype.is_float for r in results):
            return
        call = _OpCall(op, tensors, flat, attributes, wanted, results)
        self.add(flat, results, call.backward)

    def add(
        self,
        operands: Sequence[Tensor],
        results: Sequence[Tensor],
        backward: Callable[[Gradients], Gradients],
    ) -> None:
        """Notes a node; its results are tracked from now on."""
        if not self.used:
            made = [r.serial for r in results]
            self.nodes.append(Node([t.serial for t in operands], made, backward))
            self.tracked.update(made)

    def walk(self, seed: tuple[int, Tensor], wrt: Iterable[int]) -> dict[int, Tensor]:
        """The gradients of the tensors `wrt`, given that of the result `seed`; those that the seed
        does not depend on are left out. Frees the tape."""
        nodes, wanted = self.nodes, set(wrt)
        self.nodes, self.tracked, self.used = [], set(), True
        grads = {seed[0]: seed[1]}
        while nodes:
            node = nodes.pop()
            of_results = [grads.get(r) for r in node.results]
            if all(g is None for g in of_results):
                continue
            for r in node.results:
                if r not in wanted:
                    grads.pop(r, None)
            for operand, grad in zip(node.operands, node.backward(of_results)):
                if grad is not None:
                    before = grads.get(operand)
                    grads[operand] = grad if before is None else add(before, grad)
        return {n: grads[n] for n in wanted if n in grads}


class _OpCall:
    """One op that ran, with what its backward pass needs: eagerly only the values it reads."""

    __slots__ = ("attributes", "count", "kept", "op", "place", "recipe", "seeds",
                 "types", "wanted")  # fmt: skip

    def __init__(
        self,
        op: type[Op],
        tensors: list[Any],
        flat: list[Tensor],
        attributes: dict[str, Any],
        wanted: list[bool],
        results: list[Tensor],
    ) -> None:
        self.op = op
        self.types = tuple(
            tuple(t.type for t in g) if isinstance(g, list) else None if g is None else g.type
            for g in tensors
        )
        self.attributes = op.bind(tensors, attributes)[1]
        self.wanted, self.count = wanted, len(flat) + len(results)
        self.recipe: Recipe | None = None
        self.seeds: tuple[bool, ...] = ()
        self.place = STATE.recorder.here() if STATE.recorder is not None else None
        values = [t.snapshot() if isinstance(t, Variable) else t for t in [*flat, *results]]
        used = range(self.count)
        if len(results) == 1 and STATE.recorder is None:
            # The one gradient that can come in: what it takes is known now.
            try:
                used = [n for n in self._recipe((True,)).uses if n < self.count]
            except UserError:
                self.seeds = ()  # no gradient: an error only where someone asks for it
        self.kept: dict[int, Tensor] | Kept = {n: values[n] for n in used}
        if STATE.checkpointing is not None and STATE.recorder is None:
            self.kept = STATE.checkpointing.keep(op, self.kept, results)

    def _recipe(self, seeds: tuple[bool, ...]) -> Recipe:
        from tyc.compiler.eager_gradient import recipe

        if self.recipe is None or self.seeds != seeds:
            made = recipe(self.op, self.types, self.attributes, self.wanted, seeds)
            self.recipe, self.seeds = made, seeds
        return self.recipe

    def backward(self, grads: Gradients) -> Gradients:
        """The gradients of all operands; `None` where none is wanted or there is none."""
        made = self._recipe(tuple(g is not None for g in grads))
        kept = self.kept
        values = dict(kept) if isinstance(kept, dict) else kept.tensors()
        values.update(
            zip(range(self.count, self.count + len(grads)), (g for g in grads if g is not None))
        )
        values = {n: values[n] for n in made.uses}
        found = iter(self._replay(made, values) if _is_watched(values) else _run(made, values))
        return [next(found) if w else None for w in self.wanted]

    def _replay(self, made: Recipe, values: dict[int, Tensor]) -> Gradients:
        recorder = STATE.recorder
        if recorder is None:
            return replay(made, values)
        with recorder.at(self.place):
            return replay(made, values)


def replay(made: Recipe, values: dict[int, Tensor]) -> Gradients:
    """The outputs of a recipe by `apply`, op by op."""
    found: dict[int, Any] = dict(values)
    for step in made.steps:
        if step.op is None:
            found[step.first] = Tensor(step.value)
            continue
        operands = [
            [found[n] for n in o] if isinstance(o, list) else None if o is None else found[o]
            for o in step.operands
        ]
        results = apply(step.op, *operands, **step.attributes)
        results = results if isinstance(results, list) else [results]
        found.update({step.first + i: r for i, r in enumerate(results)})
    return [None if n is None else found[n] for n in made.outputs]


def _run(made: Recipe, values: dict[int, Tensor]) -> Gradients:
    arrays = run_recipe(made, {n: t.array() for n, t in values.items()})
    return [None if a is None else Tensor(a) for a in arrays]


def run_recipe(made: Recipe, arrays: dict[int, Any]) -> list[Any]:
    """The outputs of a recipe by its compiled kernel."""
    return made.run(arrays, STATE.exact)


def _is_watched(values: dict[int, Tensor]) -> bool:
    """True where ops on these tensors are recorded, by a trace or by a tape."""
    if STATE.recorder is not None:
        return True
    return any(t._serial in tape.tracked for tape in STATE.tapes for t in values.values())


@contextmanager
def watching(tapes: tuple[Tape, ...]):
    """Only these tapes see the ops of a block."""
    before, STATE.tapes = STATE.tapes, tapes
    try:
        yield
    finally:
        STATE.tapes = before
