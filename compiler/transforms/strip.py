"""Computes a chain of kernels strip by strip, so that what lies between them is never whole.

    %a = call @conv(%x)                     %x0 = ty.slice %x rows 0..57
    %y = call @pool(%a)                     %a0 = call @conv_rows_0(%x0)
                                            %y0 = call @pool_rows_0(%a0)
                                            ...                               (as often as it takes)
                                            %y = ty.concat %y0, %y1, ...

Slices and the concatenation are views: rows along the leading dimension are one piece of memory.
Rows that two strips need are computed twice. Main is rewritten; the kernels are compiled after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import func

from tyc.compiler.planning.plan import Plan, live_at, root, used_bytes
from tyc.compiler.schedules.kernel import WITHIN
from tyc.compiler.transforms.pack_filters import is_packed
from tyc.compiler.transforms.place_parts import callee, erase_uncalled, functions_of
from tyc.compiler.transforms.strip_rows import Rows, Strip, cut_rows, leading_axis
from tyc.dialects import building
from tyc.dialects.program import Program

_LONGEST, _STRIPS = 6, (2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class _Chain:
    """Calls of which each reads the result of the one before, in how many strips, the bytes that
    then live, about, and how many of the calls are too large for the budget now."""

    calls: Sequence[ir.Operation]
    count: int
    live: int
    large: int


def strip(program: Program, plan: Plan, budget: int) -> bool:
    """Cuts the chain that the step with the most bytes belongs to into strips; false where no chain
    makes it less."""
    functions = functions_of(program)
    with program.module.context, ir.Location.unknown():
        best = _best(program, plan, budget, functions)
        if best is None or best.live >= plan.arena_bytes:
            return False
        _rewrite(program, best, functions)
    return True


def _best(
    program: Program, plan: Plan, budget: int, functions: dict[str, ir.Operation]
) -> _Chain | None:
    """The fewest strips that fit the budget; where none do, whatever needs the least."""
    calls = [o for o in program.operations() if o.name == "func.call"]
    used = used_bytes(plan)
    at = used.index(max(used))
    large = {calls[step.call] for step, n in zip(plan.steps, used) if n > budget}
    chains = []
    for chain in _chains(calls[plan.steps[at].call]):
        chains += _estimates(chain, functions, plan, at, calls, len(large.intersection(chain)))
    fitting = [c for c in chains if c.live <= budget]
    if fitting:
        # What is left out cannot join later: its input is whole then.
        return min(fitting, key=lambda c: (-c.large, c.count, len(c.calls), c.live))
    return min(chains, key=lambda c: (c.live, c.count), default=None)


def _chains(call: ir.Operation) -> list[list[ir.Operation]]:
    """The chains of two calls or more that a call is part of."""
    before, after = [call], [call]
    while len(before) < _LONGEST and (previous := _previous(before[0])) is not None:
        before.insert(0, previous)
    while len(after) < _LONGEST and (following := _only_reader(after[-1])) is not None:
        after.append(following)
    return [
        [*before[first:], *after[1:last]]
        for first in range(len(before))
        for last in range(1, len(after) + 1)
        if len(before) - first + last - 1 > 1
    ]


def _only_reader(call: ir.Operation) -> ir.Operation | None:
    """The call that alone reads the result of a call."""
    uses = list(call.results[0].uses)
    owner = uses[0].owner.operation if len(uses) == 1 and len(call.results) == 1 else None
    return owner if owner is not None and owner.name == "func.call" else None


def _previous(call: ir.Operation) -> ir.Operation | None:
    """The call whose result, the largest of those that only this call reads, it reads."""
    found = [
        value
        for value in call.operands
        if not isinstance(value.owner, ir.Block) and value.owner.operation.name == "func.call"
        if _only_reader(value.owner.operation) is not None
    ]
    best = max(found, key=lambda v: building.type_of(v).nbytes, default=None)
    return None if best is None else best.owner.operation


def _rows_of(call: ir.Operation, count: int) -> list[Rows]:
    """The strips of a call's result."""
    shape = building.type_of(call.results[0]).shape
    axis = leading_axis(shape)
    size = -(-shape[axis] // count)
    return [Rows(axis, s, min(s + size, shape[axis])) for s in range(0, shape[axis], size)]


def _strips(
    chain: Sequence[ir.Operation], functions: dict[str, ir.Operation], rows: Rows
) -> list[Strip] | None:
    """The kernels of a chain for rows of its last result, or `None` where one cannot be cut."""
    found: list[Strip] = []
    for call, reader in zip(reversed(chain), (None, *reversed(chain))):
        if reader is not None:
            place = [v == call.results[0] for v in reader.operands]
            last = found[-1].arguments
            assert last is not None
            wanted = last[place.index(True)]
            if wanted is None or sum(place) != 1:
                return None
            rows = wanted
        # Rows of what lies in a larger tensor are no piece of memory.
        function = functions[callee(call)]
        if len(call.results) != 1 or WITHIN in function.attributes or is_packed(call, function):
            return None
        made = Strip(function, rows)
        if made.arguments is None:
            return None
        found.append(made)
    return found[::-1]


def _estimates(
    chain: Sequence[ir.Operation], functions: dict[str, ir.Operation], plan: Plan, at: int,
    calls: Sequence[ir.Operation], large: int,
) -> list[_Chain]:  # fmt: skip
    """The chain in several numbers of strips, with what lives while one of them runs."""
    last, found = chain[-1], []
    numbers = {plan.steps[i].call: i for i in range(len(plan.steps))}
    steps = [plan.steps[numbers[calls.index(c)]] for c in chain]
    inner = {b for step in steps[:-1] for b in step.outputs}
    others = set(live_at(plan, at)) - inner
    for step in steps:
        others |= {b for b in step.inputs if plan.buffers[b].place == "arena"} - inner
    others |= {b for b in steps[-1].outputs if plan.buffers[b].place == "arena"}
    outside = sum(plan.buffers[b].nbytes for b in {root(plan, b) for b in others})
    for count in _STRIPS:
        rows = _rows_of(last, count)
        if len(rows) < count:
            continue
        # The first is of the most rows, those between have both borders.
        largest = [_between(chain, functions, r) for r in {rows[0], rows[len(rows) // 2]}]
        if None in largest:
            break
        found.append(_Chain(chain, len(rows), outside + max(n or 0 for n in largest), large))
    return found


def _between(
    chain: Sequence[ir.Operation], functions: dict[str, ir.Operation], rows: Rows
) -> int | None:
    """The most bytes that live between two kernels of a chain for some rows of its result."""
    made = _strips(chain, functions, rows)
    if made is None:
        return None
    parts = [_bytes(strip) for strip in made[:-1]]
    return max(a + b for a, b in zip([0, *parts], [*parts, 0]))


def _bytes(strip: Strip) -> int:
    """The bytes of the rows that a strip computes."""
    result = strip.operations[-1].operands[0]
    rows, t = strip.rows[result], building.type_of(result)
    return t.nbytes if rows is None else t.nbytes // t.shape[rows.axis] * (rows.stop - rows.start)


def _rewrite(program: Program, chain: _Chain, functions: dict[str, ir.Operation]) -> None:
    """Puts the strips in place of the chain and removes what nothing calls any more."""
    from tyc.dialects import ty

    last = chain.calls[-1]
    pieces = []
    for rows in _rows_of(last, chain.count):
        strips = _strips(chain.calls, functions, rows)
        assert strips is not None, "the middle strip could be cut, this one cannot"
        made: dict[ir.Value, ir.Value] = {}
        for call, one in zip(chain.calls, strips):
            with ir.InsertionPoint(last), call.location:
                made[call.results[0]] = call_strip(program, call, one, made, functions)
        pieces.append(made[last.results[0]])
    axis = leading_axis(building.type_of(last.results[0]).shape)
    with ir.InsertionPoint(last), last.location:
        whole = ty.concat(pieces, axis=axis)
    last.results[0].replace_all_uses_with(whole)
    for call in reversed(chain.calls):
        call.erase()
    erase_uncalled(program)


def call_strip(
    program: Program, call: ir.Operation, one: Strip, made: Mapping[ir.Value, ir.Value],
    functions: dict[str, ir.Operation],
) -> ir.Value:  # fmt: skip
    """The call of one strip's kernel; `made` has the rows of what was computed for it."""
    assert one.arguments is not None
    operands = []
    for value, rows in zip(call.operands, one.arguments):
        if value in made:
            operands.append(made[value])
        else:
            operands.append(value if rows is None else cut_rows(value, rows))
    function = one.emit(program.module, "kernel")
    signature = ir.TypeAttr(function.attributes["function_type"]).value
    name = add_function(function, call, functions, "rows")
    results = ir.FunctionType(signature).results
    return func.CallOp(results, ir.FlatSymbolRefAttr.get(name), operands).operation.results[0]


def add_function(
    function: ir.Operation, call: ir.Operation, functions: dict[str, ir.Operation], what: str
) -> str:
    """The name of a new kernel for strips of a call: that of its text, which may be there."""
    digest = hashlib.sha256(str(function).encode()).hexdigest()[:10]
    stem = callee(call).rpartition("_")[0].removesuffix(f"_{what}")
    name = f"{stem}_{what}_{digest}"
    if name in functions:
        function.erase()
    else:
        function.attributes["sym_name"] = ir.StringAttr.get(name)
        functions[name] = function
    return name
