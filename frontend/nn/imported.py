"""`Imported`: a program, such as an ONNX file, as a module whose parameters can be trained."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import Place, error
from tyc.nn.module import Module
from tyc.state import STATE
from tyc.tensors import Parameter, Tensor

if TYPE_CHECKING:
    from tyc.compiler.eager_gradient import Step
    from tyc.dialects.program import Program


class Imported(Module):
    """The ops of a program, one after another; its floats are parameters, the rest are buffers.

        net = nn.Imported(tyc.load_onnx("resnet18.onnx"))
        gm = GradManager().attach(net.parameters())

    A batch norm of the program normalizes by its statistics, in training too. `freeze` keeps
    parameters whose names begin with one of its words out of training.
    """

    def __init__(self, program: Program, freeze: tuple[str, ...] = ()) -> None:
        from tyc.compiler.eager_gradient import read_steps

        self.inputs = [kind for _, kind in program.inputs]
        with program.module.context:
            self.steps, self.results = read_steps(program)
        for name, array in program.parameters.items():
            if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
                trainable = not name.startswith(freeze) if freeze else True
                self.register_parameter(name, Parameter(array, trainable=trainable))
            else:
                self.register_buffer(name, array)

    def forward(self, *inputs: TensorLike) -> Tensor | tuple[Tensor, ...]:
        """The program's outputs: a tensor, or a tuple of them."""
        values = [as_tensor(x) for x in inputs]
        if [v.type for v in values] != self.inputs:
            wanted, got = (
                ", ".join(map(str, ts)) for ts in (self.inputs, [v.type for v in values])
            )
            raise error(f"the program takes {wanted}, got {got}")
        found: dict[int, Tensor] = dict(enumerate(values))
        for step in self.steps:
            results = self._run(step, found)
            found.update({step.first + i: r for i, r in enumerate(results)})
        made = tuple(found[n] for n in self.results)
        return made[0] if len(made) == 1 else made

    def _run(self, step: Step, found: Mapping[int, Tensor]) -> list[Tensor]:
        if step.op is None:
            return [Tensor(np.asarray(step.value))]
        if step.op.NAME == "parameter":
            return [getattr(self, step.attributes["name"])]
        operands = [
            [found[n] for n in o] if isinstance(o, list) else None if o is None else found[o]
            for o in step.operands
        ]
        recorder = STATE.recorder
        with recorder.at(Place("", 0, step.origin)) if recorder is not None else nullcontext():
            results: Any = apply(step.op, *operands, **step.attributes)
        return results if isinstance(results, list) else [results]

    def extra_repr(self) -> str:
        """How many ops."""
        return f"{len(self.steps)} ops"
