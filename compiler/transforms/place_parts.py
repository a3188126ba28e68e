"""Concatenations whose parts are written where the whole is read: no kernel copies them.

    %a = call @conv_1(%x)                   %a = call @conv_3(%x)    within 1x56x56x96, channel 0
    %b = call @conv_2(%x)          becomes  %b = call @conv_4(%x)    within 1x56x56x96, channel 64
    %y = call @concat(%a, %b)               %y = ty.concat %a, %b    (nothing to do)

The kernels that write a part, and those that read one, know the shape of the whole by `ty.within`
(`schedules/kernel.py`), and so how far apart rows are. A whole may be a part of another one: the
growing concatenations of a dense block are one tensor.

A concatenation stays a kernel where a row of a part is shorter than a cache line, where a part is
written or read by something that has no such kernel, where its bytes would live so long that the
program needs more memory, or where what is read of cache lines in vain costs more than the copy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

from mlir import ir

from tyc.compiler.lowering import families
from tyc.compiler.lowering.registry import stands_alone
from tyc.compiler.planning.graph import Facts, Graph, Kernel
from tyc.compiler.rewriting import producer
from tyc.compiler.schedules.kernel import WITHIN
from tyc.compiler.transforms.outline import outline
from tyc.dialects import building
from tyc.dialects.program import Program

_LINE = 64


def place_parts(program: Program) -> None:
    """Takes the kernels of a fused program that only concatenate out of it, where that pays."""
    families.load()
    placing = _Placing(program)
    # The last first: what a concatenation joins may be one itself.
    for call in reversed(placing.calls):
        if placing.pays(call) and not placing.grows(call):
            placing.accepted.append(call)
    if placing.accepted:
        _rewrite(program, placing)


def live_peak(program: Program) -> int:
    """The most bytes that live while a fused program runs in its order, nothing in place."""
    return _Placing(program).peak


class _Placing:
    """The calls of main, and which of them need not run."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.functions = functions_of(program)
        self.calls = [o for o in program.operations() if o.name == "func.call"]
        self.accepted: list[ir.Operation] = []
        self.results = {_viewed(v) for v in program.terminator.operands}
        self.peak = self._peak([])

    def function(self, call: ir.Operation) -> ir.Operation:
        """The kernel of a call."""
        return self.functions[callee(call)]

    def concat(self, call: ir.Operation) -> Any:
        """The op of a kernel that only concatenates, or `None`."""
        block = self.function(call).regions[0].blocks[0]
        names = [o.operation.name for o in block.operations]
        return building.view(block.operations[0]) if names == ["ty.concat", "func.return"] else None

    def pays(self, call: ir.Operation) -> bool:
        """Whether all parts can be written in place, and cost less so than the copy."""
        op = self.concat(call)
        parts = list(call.operands)
        taken = {v for c in self.accepted for v in c.operands}
        # A kernel has one argument for what it joins twice.
        if op is None or len(op.xs) > len(parts) or taken & set(parts):
            return False
        if not all(self._is_writable(v) for v in parts):
            return False
        axis = op.axis % len(building.type_of(parts[0]).shape)
        wasted = sum(_wasted(v, axis) for v in parts)
        return wasted < 2 * building.type_of(call.results[0]).nbytes

    def _is_writable(self, value: ir.Value) -> bool:
        """Whether a kernel of one result writes a value, and only kernels read it."""
        if isinstance(value.owner, ir.Block) or value in self.results:
            return False
        made = value.owner.operation
        callers = [made, *(u.owner.operation for u in value.uses)]
        if len(made.results) != 1 or any(c.name != "func.call" for c in callers):
            return False
        return not any(_is_opaque(self.function(c)) for c in callers)

    def grows(self, call: ir.Operation) -> bool:
        """Whether the parts in place make the program need more memory."""
        return self._peak([*self.accepted, call]) > self.peak

    def _peak(self, accepted: Sequence[ir.Operation]) -> int:
        """The most bytes that live in the program's order, nothing else in place."""
        numbers: dict[ir.Value, int] = {}
        sizes: list[int] = []
        parts: dict[int, tuple[int, int]] = {}

        def number(value: ir.Value) -> int:
            value = _viewed(value)
            if value not in numbers:
                numbers[value] = len(sizes)
                made = not isinstance(value.owner, ir.Block) and producer(value) is None
                made = made and value not in self.results
                sizes.append(building.type_of(value).nbytes if made else 0)
            return numbers[value]

        kernels = []
        for call in self.calls:
            inputs = tuple(number(v) for v in call.operands)
            outputs = tuple(number(v) for v in call.results)
            if call in accepted:
                parts |= dict.fromkeys(inputs, (outputs[0], 0))
            else:
                kernels.append(Kernel(inputs, outputs))
        for part in parts:
            sizes[part] = 0
        return Facts(Graph(sizes, kernels, parts)).peak(range(len(kernels)))


def functions_of(program: Program) -> dict[str, ir.Operation]:
    """The functions of a program by name."""
    return {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation
        for op in program.module.body.operations
    }


def _viewed(value: ir.Value) -> ir.Value:
    while (op := producer(value)) is not None and op.NAME == "reshape":
        value = op.x
    return value


def _is_opaque(function: ir.Operation) -> bool:
    operations = [o.operation for o in function.regions[0].blocks[0].operations]
    return any(o.name.startswith("ty.") and stands_alone(building.view(o)) for o in operations)


def _wasted(value: ir.Value, axis: int) -> float:
    """Bytes of cache lines that are moved in vain where a value is a part along an axis: of each
    row, for each kernel that writes or reads it. More than the copy's for rows below a line."""
    t = building.type_of(value)
    rows = math.prod(t.shape[:axis])
    row = t.nbytes // max(rows, 1)
    if rows == 1:
        return 0.0
    if row < _LINE:
        return math.inf
    lines = -(-row // _LINE) + (1 if row % _LINE else 0)
    return rows * (lines * _LINE - row) * (1 + sum(1 for _ in value.uses))


def _rewrite(program: Program, placing: _Placing) -> None:
    """Puts `ty.concat` in main in place of the calls, and gives their neighbours new kernels."""
    from tyc.dialects import ty

    wholes: dict[ir.Value, tuple[int, ...]] = {}
    # The outermost wholes come first here.
    for call in placing.accepted:
        shape = wholes.get(call.results[0]) or building.type_of(call.results[0]).shape
        wholes |= dict.fromkeys(call.operands, shape)
    for call in placing.calls:
        if call not in placing.accepted:
            _specialise(program, call, placing.function(call), wholes)
    for call in reversed(placing.accepted):
        with ir.InsertionPoint(call), call.location:
            joined = ty.concat(list(call.operands), axis=placing.concat(call).axis)
        call.results[0].replace_all_uses_with(joined)
        call.erase()
    erase_uncalled(program)


def _specialise(program: Program, call: ir.Operation, function: ir.Operation, wholes: dict) -> None:
    """Makes a call's kernel one that knows in what its arguments and result lie."""
    shapes = [list(wholes.get(v, ())) for v in (*call.operands, *call.results)]
    if not any(shapes):
        return
    with ir.InsertionPoint(program.module.body), function.location:
        made = function.clone().operation
    made.attributes[WITHIN] = ir.ArrayAttr.get([ir.DenseI64ArrayAttr.get(s) for s in shapes])
    _rename(program, made, call)


def copy_parts(program: Program, names: Iterable[str]) -> set[str]:
    """Undoes `place_parts` for the whole program where a kernel of these names knows of parts: what
    is not compiled as it should be is taken apart, and ops alone know of no parts. The names now.
    """
    functions, found = functions_of(program), set(names)
    if not any(WITHIN in functions[n].attributes for n in found):
        return found
    for operation in list(program.operations()):
        if operation.name == "ty.concat":
            outline(program, [("movement", [operation])])
    for operation in program.operations():
        name = callee(operation)
        if name not in functions or WITHIN not in functions[name].attributes:
            continue
        with ir.InsertionPoint(program.module.body), functions[name].location:
            made = functions[name].clone().operation
        del made.attributes[WITHIN]
        _rename(program, made, operation)
        if name in found:
            found.add(callee(operation))
    erase_uncalled(program)
    return found & set(functions_of(program))


def callee(operation: ir.Operation) -> str:
    """The name of the function that an operation calls; empty where it is no call."""
    if operation.name != "func.call":
        return ""
    return ir.FlatSymbolRefAttr(operation.attributes["callee"]).value


def _rename(program: Program, made: ir.Operation, call: ir.Operation) -> None:
    """Gives a kernel the name of its text; the call then calls it, or the equal one there is."""
    known = functions_of(program)
    name = ir.StringAttr(made.attributes["sym_name"]).value
    made.attributes["sym_name"] = ir.StringAttr.get("kernel")
    digest = hashlib.sha256(str(made).encode()).hexdigest()[:10]
    name = f"{name.rpartition('_')[0]}_{digest}"
    if name in known and known[name] != made:
        made.erase()
    else:
        made.attributes["sym_name"] = ir.StringAttr.get(name)
    call.attributes["callee"] = ir.FlatSymbolRefAttr.get(name)


def erase_uncalled(program: Program) -> None:
    """Removes the kernels that nothing calls."""
    called = {callee(o) for o in program.operations()}
    for name, function in functions_of(program).items():
        if name != "main" and name not in called:
            function.erase()
