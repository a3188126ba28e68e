"""Recurrent layers with PyTorch's parameters (`weight_ih_l0`, ...) and gate orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tyc import functional as F
from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error
from tyc.nn import init
from tyc.nn.module import Module
from tyc.tensors import Parameter, Tensor


class _Recurrent(Module):
    """Layers over `[T, B, I]`, or `[B, T, I]` where `batch_first`; D is 2 where `bidirectional`."""

    GATES: ClassVar[int]
    ORDER: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        bidirectional: bool = False,
    ) -> None:
        self.inputs, self.hidden, self.layers = inputs, hidden, layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        rows = self.GATES * hidden
        for layer in range(layers):
            columns = inputs if layer == 0 else hidden * (2 if bidirectional else 1)
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {
                    f"weight_ih_{suffix}": (rows, columns),
                    f"weight_hh_{suffix}": (rows, hidden),
                }
                if bias:
                    shapes |= {f"bias_ih_{suffix}": (rows,), f"bias_hh_{suffix}": (rows,)}
                for name, shape in shapes.items():
                    setattr(self, name, Parameter(F.zeros(shape)))
                    init.lecun_uniform_(getattr(self, name), hidden)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", *([f"l{layer}_reverse"] if self.bidirectional else [])]

    def _weights(self, layer: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Weight, recurrence and bias of a layer in ONNX's layout, its directions stacked."""
        suffixes = self._suffixes(layer)
        weight = F.stack([self._ordered(f"weight_ih_{s}") for s in suffixes])
        recurrence = F.stack([self._ordered(f"weight_hh_{s}") for s in suffixes])
        if not self.bias:
            return weight, recurrence, None
        pairs = [[self._ordered(f"bias_{k}_{s}") for k in ("ih", "hh")] for s in suffixes]
        return weight, recurrence, F.stack([F.concat(p) for p in pairs])

    def _ordered(self, name: str) -> Tensor:
        gates = F.split(getattr(self, name), self.GATES)
        return F.concat([gates[i] for i in self.ORDER])

    def _run(self, x: TensorLike, states: Sequence[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
        """The output of the last layer, and each kind of state, its layers stacked."""
        value = as_tensor(x)
        if value.ndim != 3 or value.shape[-1] != self.inputs:
            raise error(f"x must be [T, B, I] with I = {self.inputs}, got {value.type}")
        if self.batch_first:
            value = F.swapaxes(value, 0, 1)
        count = 2 if self.bidirectional else 1
        last: list[list[Tensor]] = [[] for _ in states]
        for layer in range(self.layers):
            start = [None if s is None else F.narrow(s, 0, layer * count, count) for s in states]
            y, *ends = self._layer(value, *self._weights(layer), *start)
            steps, _, batch, _ = y.shape
            value = F.reshape(F.transpose(y, (0, 2, 1, 3)), (steps, batch, count * self.hidden))
            for kind, end in zip(last, ends):
                kind.append(end)
        if self.batch_first:
            value = F.swapaxes(value, 0, 1)
        return value, [F.concat(kind) for kind in last]

    def _layer(self, *arguments: Any) -> tuple[Tensor, ...]:
        raise NotImplementedError

    @property
    def _direction(self) -> str:
        return "bidirectional" if self.bidirectional else "forward"

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.inputs}, {self.hidden}, layers={self.layers}"


class LSTM(_Recurrent):
    """Long short-term memory: `x [T, B, I] -> [T, B, D*H], (h, c)`, states `[layers*D, B, H]`."""

    GATES = 4
    # PyTorch's i, f, g, o in ONNX's order i, o, f, g.
    ORDER = (0, 3, 1, 2)

    def forward(
        self, x: TensorLike, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """All outputs, and the last `(h, c)`."""
        y, (h, c) = self._run(x, (None, None) if state is None else state)
        return y, (h, c)

    def _layer(self, *arguments: Any) -> tuple[Tensor, ...]:
        return F.lstm(*arguments, direction=self._direction)


class GRU(_Recurrent):
    """Gated recurrent unit: `x [T, B, I] -> [T, B, D*H], h`, the state `[layers*D, B, H]`."""

    GATES = 3
    # PyTorch's r, z, n in ONNX's order z, r, n.
    ORDER = (1, 0, 2)

    def forward(self, x: TensorLike, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All outputs, and the last `h`."""
        y, (h,) = self._run(x, (state,))
        return y, h

    def _layer(self, *arguments: Any) -> tuple[Tensor, ...]:
        return F.gru(*arguments, direction=self._direction, linear_before_reset=True)


class RNN(_Recurrent):
    """`h' = tanh(W x + R h + b)`: `x [T, B, I] -> [T, B, D*H], h`, the state `[layers*D, B, H]`."""

    GATES = 1
    ORDER = (0,)

    def forward(self, x: TensorLike, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All outputs, and the last `h`."""
        y, (h,) = self._run(x, (state,))
        return y, h

    def _layer(self, *arguments: Any) -> tuple[Tensor, ...]:
        return F.rnn(*arguments, direction=self._direction)
