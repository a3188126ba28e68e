"""A program in the making: ops become operations of `main`, outside tensors its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.dialects import ty
from tyc.dialects.building import build, mlir_type, type_of
from tyc.dialects.locations import located
from tyc.dialects.ods import Op
from tyc.dialects.program import Program, named
from tyc.dialects.registration import context as new_context
from tyc.dialects.types import TensorType
from tyc.frames import Place, error, model_line
from tyc.runtime.errors import UserError
from tyc.slots import AttributeSlot, Slot, VariableSlot
from tyc.tensors import Tensor, Variable

# Larger arrays would be text in the IR; they are parameters.
_CONSTANT_ELEMENTS = 64
_MISSING = object()


@lru_cache(maxsize=1)
def context() -> ir.Context:
    """The MLIR context of all programs that this process records."""
    return new_context()


@dataclass(frozen=True)
class Captured:
    """A tensor from outside of the traced function: its name, its type, how to get it again."""

    name: str
    type: TensorType
    read: Callable[[], Tensor | None]
    slot: Slot | None = None
    """Where it is changed, if the function does that: its array is written in place."""

    def fits(self) -> bool:
        """Whether the tensor still is there and has its type."""
        now = self.read()
        return now is not None and now.type == self.type


class Recorder:
    """One trace.

    `bake` says what parameters that the function does not change become: `ty.parameter` ops of the
    program (true), or inputs after the user's own (false), so that a call sees their newest values.
    What it changes is an input in any case, and its new value one more result of main.
    """

    def __init__(self, bake: bool) -> None:
        self.bake = bake
        self.captured: list[Captured] = []
        self.modules: dict[Any, bool] = {}
        self.results: list[Slot] = []
        """The slots of the results after the user's own."""
        self.cleared: list[Slot] = []
        self.absent: list[Slot] = []
        self.finished = False
        self._roots = 0
        self._slots: dict[Any, tuple[Slot, Tensor | None]] = {}
        self._known: dict[int, tuple[str, Callable[[], Tensor | None]]] = {}
        self._values: dict[int, ir.Value] = {}
        self._captures: dict[int, int] = {}
        self._arguments: list[ir.BlockArgument] = []
        self._initial: dict[str, np.ndarray] = {}
        self._constants: dict[Any, ir.Value] = {}
        # An id names a tensor only as long as the tensor lives.
        self._alive: list[Tensor] = []
        self._names: list[str] = []
        self._place: Place | None = None
        self._paths: dict[Any, str] = {}
        self._layer = ""
        with context(), ir.Location.unknown():
            self.module = ir.Module.create()
            with ir.InsertionPoint(self.module.body):
                self._function = func.FuncOp("main", ([], []))
            self._block = self._function.add_entry_block()

    def input(self, name: str, kind: TensorType) -> Tensor:
        """A new argument of `main`."""
        return Tensor.symbolic(self, self._argument(name, kind), kind)

    def know(self, name: str, tensor: Tensor, read: Callable[[], Tensor | None]) -> None:
        """Names a tensor that the program may meet; `read` gives it again at later calls."""
        self._known.setdefault(id(tensor), (name, read))
        self._alive.append(tensor)

    def enter(self, module: Any) -> None:
        """Names the tensors of a module that is called; those of its parts are named with it."""
        if module in self.modules:
            return
        prefix = f"{type(module).__name__.lower()}{self._roots}." if self._roots else ""
        self._roots += 1
        for path, part in module.named_modules(prefix.removesuffix(".")):
            self.modules.setdefault(part, part.training)
            self._paths.setdefault(part, path)
        for name, tensor, read in module.named_tensors():
            self.know(prefix + name, tensor, read)

    @contextmanager
    def inside(self, module: Any) -> Iterator[None]:
        """Ops of a block belong to a module, which is entered."""
        self.enter(module)
        with self._within(self._paths[module]):
            yield

    def updating(self, tensor: Tensor) -> AbstractContextManager[None]:
        """Ops of a block belong to a parameter or another tensor with a name."""
        known = self._known.get(id(tensor))
        return self._within(known[0] if known else "")

    @contextmanager
    def _within(self, layer: str) -> Iterator[None]:
        before, self._layer = self._layer, layer or self._layer
        try:
            yield
        finally:
            self._layer = before

    def touch(
        self,
        key: Any,
        name: str,
        get: Callable[[], Tensor | None],
        put: Callable[[Tensor | None], None],
    ) -> None:
        """Remembers what an attribute holds before the function reads or changes it first."""
        if key in self._slots:
            return
        before = get()
        if before is not None and before._recorder is self:
            return  # of an object that this trace has made
        if before is not None:
            name = self._known.get(id(before), (name,))[0]
            self.know(name, before, get)
        self._slots[key] = AttributeSlot(name, get, put), before

    def touch_grad(self, tensor: Tensor) -> None:
        """`touch` for the `grad` of a tensor from outside."""
        if tensor.is_symbolic:
            return

        def put(value: Tensor | None) -> None:
            tensor._grad = value

        name = f"{self._name_of(tensor)}.grad"
        self.touch(("grad", tensor.serial), name, lambda: tensor._grad, put)

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Makes `value` what the variable holds from here on."""
        self.value(variable)
        new = self.value(value)
        captured = self.captured[self._captures[id(variable)]]
        self._slots[variable.serial] = VariableSlot(captured.name, captured.read), variable
        self._values[id(variable)] = new

    def record(self, op: type[Op], tensors: Sequence[Any], attributes: dict[str, Any]) -> Any:
        """Builds one op at the user's line: its result, or the list of its results."""
        results = self._build(op, [self._operand(t) for t in tensors], attributes)
        if isinstance(results, list):
            return [Tensor.symbolic(self, r, type_of(r)) for r in results]
        return Tensor.symbolic(self, results, type_of(results))

    def here(self) -> Place:
        """The place that ops come from."""
        return self._place or Place(*model_line(), self._layer)

    @contextmanager
    def at(self, place: Place | None) -> Iterator[None]:
        """Ops of a block come from this place."""
        before, self._place = self._place, place
        try:
            yield
        finally:
            self._place = before

    def value(self, tensor: Tensor) -> ir.Value:
        """The value that stands for a tensor in this program."""
        if tensor._value is not None:
            if tensor._recorder is not self:
                raise error(
                    f"a tensor of another trace cannot be used, got {tensor.type}",
                    "return it from the traced function that made it",
                )
            return tensor._value
        if id(tensor) not in self._values:
            self._values[id(tensor)] = self._capture(tensor)
            self._alive.append(tensor)
        return self._values[id(tensor)]

    def is_state(self, tensor: Tensor) -> bool:
        """True for a tensor from outside whose value a later call reads again."""
        return isinstance(tensor, Variable) or (
            id(tensor) in self._known and not tensor.is_symbolic
        )

    def no_value(self, tensor: Tensor, what: str) -> UserError:
        """The error for Python code that wants to see a value while the program is recorded."""
        if self.finished:
            return error(
                f"{what} of a tensor that a traced function left behind is not known, "
                f"got {tensor.type}",
                "return it from the traced function",
            )
        kind = "tensor" if tensor.is_symbolic else type(tensor).__name__.lower()
        return error(
            f"{what} of a {kind} is not known while the program is recorded, got {tensor.type}",
            "choose with tyc.functional.where, or compute it outside of the traced function",
        )

    def check_attribute(self, module: Any, name: str, value: Any) -> None:
        """Refuses a change of a called module that would happen once, and not at each call."""
        before = module.__dict__.get(name, _MISSING)
        if module not in self.modules or name in module._buffers or value is before:
            return
        plain = (bool, int, float, str, tuple)
        if isinstance(value, plain) and type(before) is type(value) and value == before:
            return
        raise error(
            f"attribute {name!r} of a module cannot change while a program is recorded, "
            f"got {type(value).__name__}: it would change once, and not at each call",
            "make it a buffer: self.register_buffer(name, value)",
        )

    def close(self) -> None:
        """Puts back what the slots held before."""
        self.finished = True
        for slot, before in self._slots.values():
            if isinstance(slot, AttributeSlot):
                slot.put(before)

    def finish(self, outputs: Sequence[tuple[str, Tensor]], name: str) -> Program:
        """The program that returns `outputs`, and after them the new values of the slots."""
        results = [(n, self.value(t), "") for n, t in outputs] + self._new_values()
        names, types = [n for n, _, _ in results], [v.type for _, v, _ in results]
        updates = {n: source for n, _, source in results if source}
        with context(), ir.Location.unknown(), ir.InsertionPoint(self._block):
            func.ReturnOp([v for _, v, _ in results])
            baked = self._bake() if self.bake else set()
            kind = ir.FunctionType.get([a.type for a in self._block.arguments], types)
            attributes = self._function.operation.attributes
            attributes["function_type"] = ir.TypeAttr.get(kind)
            attributes["arg_attrs"] = named(self._names)
            attributes["res_attrs"] = named(names, updates)
            self.module.operation.verify()
        parameters = {n: a for n, a in self._initial.items() if n in baked}
        state = {n: a for n, a in self._initial.items() if n not in baked}
        return Program(self.module, parameters, name, state if self.bake else {})

    def _new_values(self) -> list[tuple[str, ir.Value, str]]:
        """Name, value and updated input ("" for none) of each slot that the function changed."""
        updated, new = [], []
        for slot, before in list(self._slots.values()):
            now = slot.read()
            if before is None:
                self.absent.append(slot)
            if now is None or (now is before and isinstance(slot, AttributeSlot)):
                self.cleared += [slot] if now is not before else []
            elif before is not None and before.type == now.type:
                value, number = self.value(now), self._captures[id(before)]
                if value != self._arguments[number]:
                    captured = self.captured[number] = replace(self.captured[number], slot=slot)
                    updated.append((slot, (f"new.{captured.name}", value, captured.name)))
            else:
                new.append((slot, (slot.name, self.value(now), "")))
        self.results = [slot for slot, _ in updated + new]
        return [result for _, result in updated + new]

    def _bake(self) -> set[str]:
        """Makes parameters of the captured tensors that do not change; gives their names."""
        made = {}
        for number in reversed(range(len(self.captured))):
            captured, argument = self.captured[number], self._arguments[number]
            if captured.slot is not None or type(captured.read()) is Variable:
                continue
            with context(), ir.Location.unknown(), ir.InsertionPoint.at_block_begin(self._block):
                kind = captured.type
                value = build(
                    ty.ParameterOp, name=captured.name, shape=list(kind.shape), element=kind.dtype
                )
            argument.replace_all_uses_with(value)
            self._names.pop(argument.arg_number)
            self._block.erase_argument(argument.arg_number)
            made[captured.name] = captured
        self.captured = [c for c in self.captured if c.name not in made]
        return set(made)

    def _operand(self, tensor: Any) -> Any:
        if tensor is None:
            return None
        return [self.value(t) for t in tensor] if isinstance(tensor, list) else self.value(tensor)

    def _argument(self, name: str, kind: TensorType) -> ir.BlockArgument:
        self._names.append(name)
        with context(), ir.Location.unknown():
            return self._block.add_argument(mlir_type(kind), ir.Location.unknown())

    def _build(self, op: type[Op], operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
        with context(), located(*self.here()), ir.InsertionPoint(self._block):
            return build(op, *operands, **attributes)

    def _name_of(self, tensor: Tensor) -> str:
        known = self._known.get(id(tensor))
        if known:
            return known[0]
        if isinstance(tensor, Variable) and tensor.of is not None:
            return f"{self._name_of(tensor.of)}.{tensor.name}"
        return (isinstance(tensor, Variable) and tensor.name) or f"p{len(self.captured)}"

    def _capture(self, tensor: Tensor) -> ir.Value:
        """A constant or an input, for a tensor that has an array."""
        known = self._known.get(id(tensor))
        if known is None and not isinstance(tensor, Variable) and _is_constant(tensor.array()):
            return self._constant(tensor.array())
        name = unique = self._name_of(tensor)
        while unique in self._names:
            unique = f"{name}_{len(self._names)}"
        read = known[1] if known else lambda: tensor
        self._captures[id(tensor)] = len(self.captured)
        self.captured.append(Captured(unique, tensor.type, read))
        self._initial[unique] = tensor.array()
        self._arguments.append(self._argument(unique, tensor.type))
        return self._arguments[-1]

    def _constant(self, array: np.ndarray) -> ir.Value:
        """A constant, made once for all equal arrays: a loop may meet the same number often."""
        key = array.shape, array.dtype, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self._build(ty.ConstantOp, [], {"value": array})
        return self._constants[key]


def _is_constant(array: np.ndarray) -> bool:
    return array.size <= _CONSTANT_ELEMENTS or bool((array == array.reshape(-1)[0]).all())
