"""A program in the making: ops become operations of `main`, outside tensors its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.dialects import ty
from tyc.dialects.building import build, mlir_type, type_of
from tyc.dialects.ods import Op
from tyc.dialects.program import Program, named
from tyc.dialects.registration import context as new_context
from tyc.dialects.types import TensorType
from tyc.frames import error, user_line
from tyc.tensors import Parameter, Tensor

# Larger arrays would be text in the IR; they are parameters.
_CONSTANT_ELEMENTS = 64


@lru_cache(maxsize=1)
def context() -> ir.Context:
    """The MLIR context of all programs that this process records."""
    return new_context()


@dataclass(frozen=True)
class Captured:
    """A tensor from outside of the traced function: its name, its type, how to get it again."""

    name: str
    type: TensorType
    read: Callable[[], Tensor]


class Recorder:
    """One trace.

    `bake` says what parameters become: `ty.parameter` ops of the program (true), or inputs after
    the user's own (false), so that a call sees their newest values.
    """

    def __init__(self, bake: bool) -> None:
        self.bake = bake
        self.captured: list[Captured] = []
        self.modules: list[Any] = []
        self._entered: set[int] = set()
        self._roots = 0
        self._known: dict[int, tuple[str, Callable[[], Tensor]]] = {}
        self._values: dict[int, ir.Value] = {}
        self._constants: dict[Any, ir.Value] = {}
        # An id names a tensor only as long as the tensor lives.
        self._alive: list[Tensor] = []
        self._names: list[str] = []
        with context(), ir.Location.unknown():
            self.module = ir.Module.create()
            with ir.InsertionPoint(self.module.body):
                self._function = func.FuncOp("main", ([], []))
            self._block = self._function.add_entry_block()

    def input(self, name: str, kind: TensorType) -> Tensor:
        """A new argument of `main`."""
        return Tensor.symbolic(self, self._argument(name, kind), kind)

    def know(self, name: str, tensor: Tensor, read: Callable[[], Tensor]) -> None:
        """Names a tensor that the program may meet; `read` gives it again at later calls."""
        self._known.setdefault(id(tensor), (name, read))
        self._alive.append(tensor)

    def enter(self, module: Any) -> None:
        """Names the tensors of a module that is called; those of its parts are named with it."""
        if id(module) in self._entered:
            return
        parts = list(module.modules())
        self._entered.update(map(id, parts))
        self.modules += parts
        prefix = f"{type(module).__name__.lower()}{self._roots}." if self._roots else ""
        self._roots += 1
        for name, tensor, read in module.named_tensors():
            self.know(prefix + name, tensor, read)

    def record(self, op: type[Op], tensors: Sequence[Any], attributes: dict[str, Any]) -> Any:
        """Builds one op at the user's line: its result, or the list of its results."""
        results = self._build(op, [self._operand(t) for t in tensors], attributes)
        if isinstance(results, list):
            return [Tensor.symbolic(self, r, type_of(r)) for r in results]
        return Tensor.symbolic(self, results, type_of(results))

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

    def finish(self, outputs: Sequence[tuple[str, Tensor]], name: str) -> Program:
        """The program that returns `outputs`."""
        values = [self.value(t) for _, t in outputs]
        with context(), ir.Location.unknown(), ir.InsertionPoint(self._block):
            func.ReturnOp(values)
            inputs = [a.type for a in self._block.arguments]
            kind = ir.FunctionType.get(inputs, [v.type for v in values])
            attributes = self._function.operation.attributes
            attributes["function_type"] = ir.TypeAttr.get(kind)
            attributes["arg_attrs"] = named(self._names)
            attributes["res_attrs"] = named([n for n, _ in outputs])
            self.module.operation.verify()
        parameters = {c.name: c.read().array() for c in self.captured} if self.bake else {}
        return Program(self.module, parameters, name)

    def _operand(self, tensor: Any) -> Any:
        if tensor is None:
            return None
        return [self.value(t) for t in tensor] if isinstance(tensor, list) else self.value(tensor)

    def _argument(self, name: str, kind: TensorType) -> ir.Value:
        self._names.append(name)
        with context(), ir.Location.unknown():
            return self._block.add_argument(mlir_type(kind), ir.Location.unknown())

    def _build(self, op: type[Op], operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
        path, line = user_line()
        with context(), ir.Location.file(path, line, 1, context()), ir.InsertionPoint(self._block):
            return build(op, *operands, **attributes)

    def _capture(self, tensor: Tensor) -> ir.Value:
        """A constant, a parameter or an input, for a tensor that has an array."""
        known = self._known.get(id(tensor))
        if known is None and not isinstance(tensor, Parameter) and _is_constant(tensor.array()):
            return self._constant(tensor.array())
        name, read = known or (f"p{len(self.captured)}", lambda: tensor)
        self.captured.append(Captured(name, tensor.type, read))
        if not self.bake:
            return self._argument(name, tensor.type)
        kind = tensor.type
        attributes = {"name": name, "shape": list(kind.shape), "element": kind.dtype}
        return self._build(ty.ParameterOp, [], attributes)

    def _constant(self, array: np.ndarray) -> ir.Value:
        """A constant, made once for all equal arrays: a loop may meet the same number often."""
        key = array.shape, array.dtype, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self._build(ty.ConstantOp, [], {"value": array})
        return self._constants[key]


def _is_constant(array: np.ndarray) -> bool:
    return array.size <= _CONSTANT_ELEMENTS or bool((array == array.reshape(-1)[0]).all())
