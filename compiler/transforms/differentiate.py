"""Reverse mode: gradients of a program's outputs, as more ops of the same program.

    main(%x) { %y = ty.tanh(%x)                                              return %y }
    main(%x) { %y = ty.tanh(%x); %d = 1 - %y * %y; %g = ty.multiply(%s, %d)  return %g }

`backward` is the transform on values; `gradients` applies it to a whole program. An op's own
`gradient` rule comes first; a composite without one is differentiated through its expansion, which
is built again next to its gradient, while the op itself stays whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlir import ir

from tyc.dialects import building, ty
from tyc.dialects.building import mlir_type, type_of
from tyc.dialects.ods import Elementwise, Op
from tyc.dialects.program import Program, named
from tyc.dialects.ty.movement import sum_to
from tyc.runtime.errors import InternalError, UserError

Seeds = Sequence[tuple[ir.Value, ir.Value]]


def backward(seeds: Seeds, wrt: Sequence[ir.Value]) -> list[ir.Value | None]:
    """The gradients of `sum(value * seed)` by each value of `wrt`; None where there is none.

    `seeds` are pairs (value, seed) of one type each. Builds at the current insertion point, which
    must see all values. Values of `wrt` count as independent of each other.
    """
    parts: dict[ir.Value, list[ir.Value]] = {}
    for value, seed in seeds:
        parts.setdefault(value, []).append(seed)
    for operation in reversed(_active_operations([v for v, _ in seeds], set(wrt))):
        grads = [_total(parts, result) for result in operation.results]
        if all(g is None for g in grads):
            continue
        with operation.location:
            _propagate(operation, grads, parts)
    return [_total(parts, value) for value in wrt]


def _total(parts: dict[ir.Value, list[ir.Value]], value: ir.Value) -> ir.Value | None:
    """The sum of what has come in for a value; kept, so that it is added up only once."""
    grads = parts.get(value)
    if not grads:
        return None
    total = grads[0]
    for grad in grads[1:]:
        total = ty.add(total, grad)
    parts[value] = [total]
    return total


def _active_operations(outputs: Sequence[ir.Value], wrt: set[ir.Value]) -> list[ir.Operation]:
    """The operations by which `outputs` depend on `wrt` through floats, producers first."""
    active: dict[ir.Operation, bool] = {}
    order: list[ir.Operation] = []
    stack = [(o, False) for v in outputs if (o := _producer(v, wrt)) is not None]
    while stack:
        operation, ready = stack.pop()
        if operation in active and not ready:
            continue
        inputs = [v for v in operation.operands if type_of(v).dtype.is_float]
        producers = [p for v in inputs if (p := _producer(v, wrt)) is not None]
        if not ready:
            active[operation] = False
            stack.append((operation, True))
            stack += [(p, False) for p in producers if p not in active]
            continue
        reaches = any(v in wrt for v in inputs) or any(active[p] for p in producers)
        if reaches and not active[operation]:
            active[operation] = True
            order.append(operation)
    return order


def _producer(value: ir.Value, wrt: set[ir.Value]) -> ir.Operation | None:
    """The operation that made a value, unless it is an argument or one of `wrt`."""
    if value in wrt or isinstance(value.owner, ir.Block):
        return None
    return value.owner.operation


def _propagate(
    operation: ir.Operation, grads: list[ir.Value | None], parts: dict[ir.Value, list[ir.Value]]
) -> None:
    """Adds an operation's gradients to the parts of its operands."""
    op = building.view(operation)
    for operand, grad in zip(_flat(building.operands_of(op)), _operand_gradients(op, grads)):
        if grad is None or operand is None or not type_of(operand).dtype.is_float:
            continue
        if isinstance(op, Elementwise):
            grad = sum_to(grad, type_of(operand).shape)
        if type_of(grad) != type_of(operand):
            got = f"{type_of(grad)} for an operand {type_of(operand)}"
            raise InternalError(f"gradient has the wrong type, got {got}", node=f"ty.{op.NAME}")
        parts.setdefault(operand, []).append(grad)


def _flat(groups: Sequence[Any]) -> list[Any]:
    """Operands or gradients by field as one list; None for an absent one."""
    return [v for g in groups for v in (g if isinstance(g, (list, tuple)) else [g])]


def _operand_gradients(op: Op, grads: list[ir.Value | None]) -> list[ir.Value | None]:
    """The gradient of each operand, in the order of `_flat(operands_of(op))`."""
    if op.gradient is not None:
        results = op.gradient(*grads)
        return _flat(results if isinstance(results, (list, tuple)) else [results])
    if op.expand is None:
        raise UserError(
            "has no gradient", node=f"ty.{op.NAME}", hint="take its operands out of `wrt`"
        )
    return _through_expansion(op, grads)


def _through_expansion(op: Op, grads: list[ir.Value | None]) -> list[ir.Value | None]:
    operands = building.operands_of(op)
    results = building.expand(type(op), operands, building.attributes_of(op))
    results = results if isinstance(results, (list, tuple)) else [results]
    seeds = [(r, g) for r, g in zip(results, grads) if g is not None]
    flat = _flat(operands)
    distinct = list(dict.fromkeys(v for v in flat if v is not None))
    found = dict(zip(distinct, backward(seeds, distinct)))
    # An operand that stands twice gets its gradient once: the caller adds up all of the list.
    return [None if v is None else found.pop(v, None) for v in flat]


def gradients(
    program: Program, wrt: Sequence[str], *, seeds: bool = False, keep_outputs: bool = False
) -> None:
    """Makes `main` return the gradients of its outputs by the inputs or parameters named `wrt`.

    They are those of `sum(output * seed)` over all float outputs that are no new values of inputs;
    a seed is all ones, or, with `seeds`, a new input `seed.<output>`. Results are called
    `gradient.<name>`; they come after the old outputs with `keep_outputs`, else in their place, and
    are zero where no output depends on the name. Raises `UserError` for an unknown name and for an
    op without a gradient on the way.
    """
    values = _values_by_name(program)
    if unknown := [name for name in wrt if name not in values]:
        raise UserError(f"wrt must name inputs or parameters, got {', '.join(unknown)}")
    terminator, main = program.terminator, program.main
    inputs, updates = [name for name, _ in program.inputs], program.updates
    outputs = [(name, v) for (name, _), v in zip(program.outputs, terminator.operands, strict=True)]
    with terminator.location, ir.InsertionPoint(terminator):
        pairs = []
        for name, value in outputs:
            if type_of(value).dtype.is_float and name not in updates:
                seed = _seed_input(program, value) if seeds else _filled(value, 1)
                inputs += [f"seed.{name}"] if seeds else []
                pairs.append((value, seed))
        flat = [v for name in wrt for v in values[name]]
        found = dict(zip(flat, backward(pairs, flat)))
        grads = [_sum_of(values[name], found) for name in wrt]
    kept = outputs if keep_outputs else []
    results = [*kept, *((f"gradient.{n}", g) for n, g in zip(wrt, grads))]
    _set_results(program, main, inputs, results, updates)


def _values_by_name(program: Program) -> dict[str, list[ir.Value]]:
    """Each input and each parameter by name: a parameter may be read by several ops."""
    values = {n: [a] for (n, _), a in zip(program.inputs, program.block.arguments)}
    for operation in program.operations():
        if operation.name == "ty.parameter":
            name = ir.StringAttr(operation.attributes["name"]).value
            values.setdefault(name, []).append(operation.results[0])
    return values


def _filled(like: ir.Value, value: float) -> ir.Value:
    t = type_of(like)
    return ty.full(shape=list(t.shape), value=value, element=t.dtype)


def _seed_input(program: Program, value: ir.Value) -> ir.Value:
    return program.block.add_argument(mlir_type(type_of(value)), ir.Location.unknown())


def _sum_of(values: Sequence[ir.Value], found: Mapping[ir.Value, ir.Value | None]) -> ir.Value:
    grads = [g for v in values if (g := found[v]) is not None]
    if not grads:
        return _filled(values[0], 0)
    total = grads[0]
    for grad in grads[1:]:
        total = ty.add(total, grad)
    return total


def _set_results(
    program: Program,
    main: ir.Operation,
    inputs: Sequence[str],
    results: Sequence[tuple[str, ir.Value]],
    updates: Mapping[str, str],
) -> None:
    """Gives `main` a new terminator, and the names and the type that go with it."""
    terminator = program.terminator
    values = [v for _, v in results]
    with terminator.location, ir.InsertionPoint(terminator):
        ir.Operation.create("func.return", operands=values)
    terminator.erase()
    kinds = [a.type for a in program.block.arguments]
    with main.location:
        kind = ir.FunctionType.get(kinds, [v.type for v in values])
        main.attributes["function_type"] = ir.TypeAttr.get(kind)
        main.attributes["arg_attrs"] = named(list(inputs))
        main.attributes["res_attrs"] = named([n for n, _ in results], updates)
