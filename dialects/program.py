"""A program: one MLIR module in `ty` and, outside of it, the arrays of its parameters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from mlir import ir

from tyc.dialects.building import type_of
from tyc.dialects.types import TensorType


@dataclass
class Program:
    """A module whose function `main` is the model, and `parameters` by name.

    `ty.parameter {name = "w"}` stands for `parameters["w"]`; weights are never text. The names of
    inputs and outputs are the argument and result attributes `ty.name` of `main`.
    """

    module: ir.Module
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    name: str = "model"

    @property
    def main(self) -> ir.Operation:
        """The `func.func` that is the model."""
        for op in self.module.body.operations:
            if op.operation.name == "func.func" and op.attributes["sym_name"].value == "main":
                return op.operation
        raise KeyError("main")

    @property
    def block(self) -> ir.Block:
        """The single block of `main`."""
        return self.main.regions[0].blocks[0]

    @property
    def inputs(self) -> list[tuple[str, TensorType]]:
        """Names and types of the inputs."""
        return list(zip(self._names("arg_attrs"), map(type_of, self.block.arguments)))

    @property
    def outputs(self) -> list[tuple[str, TensorType]]:
        """Names and types of the outputs."""
        values = list(self.terminator.operands)
        return list(zip(self._names("res_attrs"), map(type_of, values)))

    @property
    def terminator(self) -> ir.Operation:
        """The `func.return` of `main`."""
        operations = self.block.operations
        return operations[len(operations) - 1].operation

    def operations(self) -> Iterator[ir.Operation]:
        """The operations of `main` in order, the terminator left out."""
        for op in list(self.block.operations)[:-1]:
            yield op.operation

    def copy(self) -> Program:
        """The same program in a module of its own; the arrays are shared."""
        data = io.BytesIO()
        self.module.operation.write_bytecode(data)
        module = ir.Module.parse(data.getvalue(), self.module.context)
        return Program(module, dict(self.parameters), self.name)

    def _names(self, which: str) -> list[str]:
        attributes = self.main.attributes
        if which not in attributes:
            return []
        return [ir.StringAttr(d["ty.name"]).value for d in ir.ArrayAttr(attributes[which])]


def named(names: list[str]) -> ir.ArrayAttr:
    """The `arg_attrs` or `res_attrs` that give arguments or results their names."""
    return ir.ArrayAttr.get([ir.DictAttr.get({"ty.name": ir.StringAttr.get(n)}) for n in names])
