"""A program: one MLIR module in `ty` and, outside of it, the arrays of its parameters."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from mlir import ir

from tyc.dialects.building import type_of
from tyc.dialects.types import TensorType


@dataclass
class Program:
    """A module whose function `main` is the model, and `parameters` by name.

    `ty.parameter {name = "w"}` stands for `parameters["w"]`; weights are never text. The names of
    inputs and outputs are the argument and result attributes `ty.name` of `main`. An output that
    has the attribute `ty.updates` is the new value of that input: the caller's array, which is
    read and then written. `state` has initial values of inputs by name.
    """

    module: ir.Module
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    name: str = "model"
    state: dict[str, np.ndarray] = field(default_factory=dict)

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
    def output_names(self) -> list[str]:
        """The names of the outputs, in order."""
        return self._names("res_attrs")

    @property
    def updates(self) -> dict[str, str]:
        """The outputs that are new values of inputs: name of the output, name of the input."""
        found = zip(self._names("res_attrs"), self._names("res_attrs", "ty.updates"))
        return {name: source for name, source in found if source}

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
        return Program(module, dict(self.parameters), self.name, dict(self.state))

    def _names(self, which: str, key: str = "ty.name") -> list[str]:
        """A string attribute of each argument or result; "" where it is absent."""
        attributes = self.main.attributes
        if which not in attributes:
            return []
        rows = [ir.DictAttr(d) for d in ir.ArrayAttr(attributes[which])]
        return [ir.StringAttr(d[key]).value if key in d else "" for d in rows]


def named(names: Sequence[str], updates: Mapping[str, str] | None = None) -> ir.ArrayAttr:
    """The `arg_attrs` or `res_attrs` that give arguments or results their names; `updates` are
    results and the inputs whose new values they are."""
    rows = []
    for name in names:
        row = {"ty.name": ir.StringAttr.get(name)}
        if updates and name in updates:
            row["ty.updates"] = ir.StringAttr.get(updates[name])
        rows.append(ir.DictAttr.get(row))
    return ir.ArrayAttr.get(rows)
