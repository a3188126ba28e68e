"""Eager training within a budget: what a tape keeps is dropped, and computed again when it is read.

    with tyc.checkpointing("64MiB") as memory:
        with gm:
            gm.backward(loss(net(x), y))      # same bits as without
    memory.peak_bytes, memory.evicted, memory.recomputed

A value that ops made knows its op and operands. Where the values kept for backward passes would
exceed the budget, the one with the least cost / (bytes * staleness) is let go, cost being that of
its op and of the neighbours that are gone already (Kirisame et al. 2021, Dynamic Tensor
Rematerialization, h_DTR-eq). Backward runs again what is missing, by the same kernels: same bits.
What was not made by an op here (parameters, inputs, what a custom gradient saves) stays.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from contextlib import ContextDecorator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.compiler.options import parse_budget
from tyc.dialects.ods import Op
from tyc.frames import error, user_place
from tyc.rematerialization import Maker, Value, absent_makers, gone, here_again, score
from tyc.runtime.errors import UserError
from tyc.state import STATE
from tyc.tensors import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class Kept:
    """What the backward pass of one op reads: numbered values, held until this is freed."""

    def __init__(self, owner: checkpointing, values: dict[int, tuple[Value, tuple, int]]) -> None:
        self._owner, self._values = owner, values

    def tensors(self) -> dict[int, Tensor]:
        """The tensors by number; what is gone is computed again."""
        return self._owner._restored(self._values)

    def __del__(self) -> None:
        self._owner._release([v for v, _, _ in self._values.values()])


class checkpointing(ContextDecorator):
    """`held bytes <= budget` for what eager tapes keep: a context, a decorator, or by `enable`.

    `budget` is bytes: 4096 or "256MiB". Gradients have the same bits as without. Counted are the
    values that ops made and that a tape holds, and what else only the tape still holds; what the
    caller holds (parameters, inputs) lives anyway. A trace that runs inside plans for itself: give
    it `memory_budget`. Raises `UserError` for a share or "auto", for which one has to know all ops
    in advance, inside of a trace, inside of another one, and where a single op needs more.
    """

    def __init__(self, budget: int | str) -> None:
        self.budget = _bytes(budget)
        self.peak_bytes = 0
        """The most bytes that were held at once."""
        self.evicted = 0
        """How often a value was dropped."""
        self.recomputed = 0
        """How many ops ran again."""
        self.held_bytes = 0
        """The bytes that are held now."""
        self._clock = 0
        self._saved = 0
        self._known: dict[int, tuple[weakref.ref, Value]] = {}
        self._leaves: weakref.WeakValueDictionary[int, Value] = weakref.WeakValueDictionary()
        self._resident: dict[Value, None] = {}
        self._needs: Counter[Value] = Counter()

    def enable(self) -> Self:
        """Begins to watch the ops of this thread."""
        if STATE.recorder is not None:
            raise error(
                "checkpointing is for eager training, got it while a program is recorded",
                "give the trace the budget: tyc.trace(memory_budget=...)",
            )
        if STATE.checkpointing is not None:
            raise error("one checkpointing is active at a time, got a second one inside of it")
        STATE.checkpointing = self
        return self

    def disable(self) -> None:
        """Ends it; what is kept already stays under the budget."""
        if STATE.checkpointing is self:
            STATE.checkpointing = None

    def __enter__(self) -> Self:
        return self.enable()

    def __exit__(self, *_: Any) -> None:
        self.disable()

    def note(
        self, op: type[Op], tensors: list[Any], attributes: dict[str, Any], results: list[Tensor]
    ) -> None:
        """Learns of an op that ran how to run it again."""
        self._clock += 1
        operands = [
            [self._operand(t) for t in g] if isinstance(g, list) else self._operand(g)
            for g in tensors
        ]
        if op.NAME == "reshape":
            # A view: the memory is that of the operand.
            self._know(results[0].array(), self._value(tensors[0]))
            return
        maker = Maker(op, operands, attributes, STATE.exact, user_place())
        for index, result in enumerate(results):
            array = result.array()
            value = Value(array, maker, self._clock)
            maker.add(index, value)
            if id(array) not in self._known and id(array) not in self._leaves:
                value.seen = self._know(array, value)
        maker.tell_operands()

    def keep(self, op: type[Op], tensors: dict[int, Tensor], results: list[Tensor]) -> Kept:
        """Holds tensors for the backward pass of an op, as long as there is room."""
        self._check(op, results)
        values = {n: (self._value(t), t.shape, t.serial) for n, t in tensors.items()}
        for value, _, _ in values.values():
            value.keepers += 1
        self._saved += 1
        kept = Kept(self, values)
        for number, (value, _, _) in values.items():
            value.used = self._clock
            if value.held is None:
                self._make_room(value.nbytes, op.NAME, user_place())
                array = value.array()
                self._hold(value, tensors[number].array() if array is None else array)
        return kept

    def _check(self, op: type[Op], results: list[Tensor]) -> None:
        maker = self._value(results[0]).maker
        least = 0 if maker is None else maker.least_bytes()
        if least > self.budget:
            raise _too_small(least, self.budget, op.NAME, user_place())

    def _value(self, tensor: Tensor) -> Value:
        """The value that a tensor has; one of its own where no op made it here."""
        array = tensor.array()
        known = self._known.get(id(array))
        if known is not None:
            return known[1]
        leaf = self._leaves.get(id(array))
        if leaf is None:
            leaf = self._leaves[id(array)] = Value(array, None, self._clock)
            leaf.held = array
            # It counts from when the caller has let go of it.
            leaf.watch = weakref.ref(
                tensor, partial(_orphaned, weakref.ref(self), weakref.ref(leaf))
            )
        return leaf

    def _operand(self, tensor: Tensor | None) -> tuple[Value, tuple] | None:
        """A value with the shape that an op sees."""
        return None if tensor is None else (self._value(tensor), tensor.shape)

    def _know(self, array: np.ndarray, value: Value) -> weakref.ref:
        reference = weakref.ref(array, partial(_died, weakref.ref(self), id(array)))
        self._known[id(array)] = reference, value
        return reference

    def _hold(self, value: Value, array: np.ndarray) -> None:
        value.held = array
        self._resident[value] = None
        self._add(value.nbytes)

    def _add(self, nbytes: int) -> None:
        self.held_bytes += nbytes
        self.peak_bytes = max(self.peak_bytes, self.held_bytes)

    def _drop(self, value: Value) -> None:
        del self._resident[value]
        self.held_bytes -= value.nbytes
        value.held = None

    def _make_room(self, nbytes: int, op: str, place: str) -> None:
        while self.held_bytes + nbytes > self.budget:
            free = [v for v in self._resident if not self._needs.get(v)]
            if not free:
                raise _too_small(self.held_bytes + nbytes, self.budget, op, place)
            self._drop(min(free, key=lambda v: score(v, self._clock)))
            self.evicted += 1

    def _release(self, values: Iterable[Value]) -> None:
        for value in values:
            value.keepers -= 1
            if not value.keepers and value in self._resident:
                self._drop(value)
        self._saved -= 1
        if not self._saved:
            self._known.clear()  # nothing will be computed again

    def _restored(self, kept: dict[int, tuple[Value, tuple, int]]) -> dict[int, Tensor]:
        self._clock += 1
        targets = dict.fromkeys(v for v, _, _ in kept.values())
        makers, arrays, self._needs = absent_makers(targets)
        try:
            for maker in makers:
                self._rerun(maker, arrays)
        finally:
            self._needs = Counter()
            for value in [v for v in self._resident if not v.keepers]:
                self._drop(value)
        found = {}
        for number, (value, shape, serial) in kept.items():
            value.used = self._clock
            array = arrays[value]
            if array.shape != shape:
                array = array.reshape(shape)
                self._know(array, value)
            found[number] = Tensor(array)
            found[number]._serial = serial
        return found

    def _rerun(self, maker: Maker, arrays: dict[Value, np.ndarray]) -> None:
        """Runs an op again; its operands may go after their last use."""
        self._make_room(maker.result_bytes, maker.op.NAME, maker.place)
        self.peak_bytes = max(self.peak_bytes, self.held_bytes + maker.result_bytes)
        for value, array in maker.run(arrays):
            if value.array() is None and (self._needs[value] or value.keepers):
                here_again(value)
                value.seen, value.used = self._know(array, value), self._clock
                self._hold(value, array)
                arrays[value] = array
        self.recomputed += 1
        for value in maker.values:
            self._needs[value] -= 1
            if not self._needs[value]:
                arrays.pop(value, None)
                if not value.keepers and value in self._resident:
                    self._drop(value)


def _died(owner: weakref.ref, key: int, reference: weakref.ref) -> None:
    """Nobody has the array any more."""
    memory: checkpointing | None = owner()
    known = memory._known.get(key) if memory is not None else None
    if memory is None or known is None or known[0] is not reference:
        return
    del memory._known[key]
    if known[1].seen is reference:
        gone(known[1])


def _orphaned(owner: weakref.ref, leaf: weakref.ref, _: Any) -> None:
    """Only the tape still has a tensor that cannot be computed again."""
    memory: checkpointing | None = owner()
    value: Value | None = leaf()
    if memory is None or value is None:
        return
    free = [v for v in memory._resident if not memory._needs.get(v)]
    while free and memory.held_bytes + value.nbytes > memory.budget:
        worst = min(free, key=lambda v: score(v, memory._clock))
        free.remove(worst)
        memory._drop(worst)
        memory.evicted += 1
    memory._add(value.nbytes)
    value.watch = weakref.finalize(value, _forgotten, owner, value.nbytes)


def _forgotten(owner: weakref.ref, nbytes: int) -> None:
    memory: checkpointing | None = owner()
    if memory is not None:
        memory.held_bytes -= nbytes


def _too_small(least: int, budget: int, op: str, place: str) -> UserError:
    return UserError(
        f"the budget must hold {least} bytes, which `{op}` needs at once, got {budget}",
        node=place,
        hint=f'give more: tyc.checkpointing("{-(-least // 1024)}KiB"), or use a smaller batch',
    )


def _bytes(budget: int | str) -> int:
    parsed: Any = budget
    if isinstance(budget, str):
        try:
            parsed = parse_budget(budget)
        except UserError as raised:
            raise error(f"a budget must be bytes, got {budget!r}", "write 64MiB") from raised
    if isinstance(parsed, (float, str)):
        raise error(
            f"an eager budget must be bytes, got {budget!r}: no op is known in advance",
            "write 64MiB, or give the share to a trace: tyc.trace(memory_budget=0.5)",
        )
    if isinstance(parsed, bool) or not isinstance(parsed, int) or parsed < 1:
        raise error(f"a budget must be bytes, 1 or more, got {budget!r}", "write 64MiB")
    return parsed
