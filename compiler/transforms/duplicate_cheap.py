"""Cheap ops with several readers become one op a reader, so that none of them is a kernel.

    %d = "ty.subtract"(%x, %mean)                  %d0 = "ty.subtract"(%x, %mean)
    %s = "ty.square"(%d)             becomes       %s = "ty.square"(%d0)
    %y = "ty.multiply"(%d, %scale)                 %d1 = "ty.subtract"(%x, %mean)
                                                   %y = "ty.multiply"(%d1, %scale)

Reading `%x` costs what reading `%d` did, and `%d` is never written. So it is where one operand has
the size of the result and is in memory anyway, the others are much smaller, and every reader can
compute the op where it reads. Bits stay the same.
"""

from __future__ import annotations

from mlir import ir

from tyc.compiler.rewriting import users
from tyc.compiler.transforms.kinds import kind
from tyc.dialects import building
from tyc.dialects.program import Program

# One instruction or two an element.
_CHEAP = {"add", "subtract", "multiply", "negative", "square", "absolute", "relu", "clip",
          "maximum", "minimum", "cast"}  # fmt: skip
_MANY = 6
# A smaller operand is read from a cache.
_SMALL = 8


def duplicate_cheap(program: Program) -> None:
    """Gives each reader of a cheap op its own, in the order that shows chains from their ends."""
    for operation in reversed(list(program.operations())):
        if _is_cheap(operation):
            _duplicate(operation)


def _is_cheap(operation: ir.Operation) -> bool:
    """Whether to compute the op again costs no more than to read its result."""
    if operation.name[3:] not in _CHEAP or not operation.name.startswith("ty."):
        return False
    readers = set(users(operation.results[0]))
    if not 1 < len(readers) <= _MANY:
        return False
    whole = _whole_operand(operation)
    if whole is None or not _is_stored(whole, operation):
        return False
    shape = building.type_of(operation.results[0]).shape
    return all(_computes(reader, shape) for reader in readers)


def _whole_operand(operation: ir.Operation) -> ir.Value | None:
    """The one operand with as many bytes as the result; `None` where another is not small."""
    size = building.type_of(operation.results[0]).nbytes
    operands = list(dict.fromkeys(operation.operands))
    whole = [v for v in operands if building.type_of(v).nbytes == size]
    small = [v for v in operands if building.type_of(v).nbytes * _SMALL <= size]
    return whole[0] if len(whole) == 1 and len(small) == len(operands) - 1 else None


def _is_stored(value: ir.Value, reader: ir.Operation) -> bool:
    """Whether a value is in memory whatever becomes of one reader: others need it there."""
    if isinstance(value.owner, ir.Block):
        return True
    others = [o for o in users(value) if o != reader]
    return any(not o.name.startswith("ty.") or _kind(o) != "elementwise" for o in others)


def _computes(reader: ir.Operation, shape: tuple[int, ...]) -> bool:
    """Whether fusion takes an elementwise op of that shape into its reader."""
    if not reader.name.startswith("ty."):
        return False
    what = _kind(reader)
    if what == "elementwise":
        return building.type_of(reader.results[0]).shape == shape
    return what == "rows" and len(reader.results) == 1


def _kind(operation: ir.Operation) -> str:
    return kind(building.view(operation))


def _duplicate(operation: ir.Operation) -> None:
    result = operation.results[0]
    for reader in list(dict.fromkeys(users(result)))[:-1]:
        with ir.InsertionPoint(reader):
            again = operation.clone()
        for i, value in enumerate(reader.operands):
            if value == result:
                reader.operands[i] = again.results[0]
