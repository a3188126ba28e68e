"""Training steps as graphs of fused kernels, written from lists of layers without the compiler.

    step = Step()
    x = step.input()
    x = step.layer("conv", [x], 6400, 1e6, weight=2304)
    graph = step.finish(x)

Bytes are those of f32 values, costs are FLOPs. A layer's backward reads the gradient of its result
and what it `saves`: its operands ("x"), its result ("y"). A weight's gradient is read by its update
at once. The gradients of a value that is read twice are added in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tyc.compiler.planning.graph import Graph, Kernel


@dataclass(frozen=True)
class Layer:
    """One fused kernel of the forward pass, and what its backward needs."""

    name: str
    operands: tuple[int, ...]
    result: int
    flops: float
    saves: str
    weight: int
    aside: tuple[int, ...]


@dataclass
class Step:
    """A training step that is being written; values are numbers."""

    sizes: list[int] = field(default_factory=list)
    kernels: list[Kernel] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    fixed: set[int] = field(default_factory=set)
    grads: dict[int, int] = field(default_factory=dict)

    def value(self, nbytes: float) -> int:
        """A new value of that many bytes."""
        self.sizes.append(int(nbytes))
        return len(self.sizes) - 1

    def input(self) -> int:
        """A value that the caller holds: no bytes of the arena, no gradient."""
        v = self.value(0)
        self.fixed.add(v)
        return v

    def kernel(
        self, name: str, reads: Sequence[int], writes: Sequence[int], flops: float, pairs=()
    ) -> None:
        """One kernel that runs next."""
        reads = tuple(dict.fromkeys(reads))
        self.kernels.append(Kernel(reads, tuple(writes), tuple(pairs), float(flops), name))

    def layer(
        self,
        name: str,
        operands: Sequence[int],
        nbytes: float,
        flops: float,
        saves: str = "x",
        weight: float = 0,
        in_place: bool = False,
        aside: Sequence[int] = (),
    ) -> int:
        """The result of a fused kernel; `aside` is read as well, without a gradient."""
        y = self.value(nbytes)
        pairs = [(operands[0], y)] if in_place else []
        self.kernel(name, [*operands, *aside], [y], flops, pairs)
        self.layers.append(Layer(name, tuple(operands), y, flops, saves, int(weight), tuple(aside)))
        return y

    def finish(self, last: int) -> Graph:
        """The graph with the loss of the last value, the backward pass and the updates."""
        grad = self.value(self.sizes[last])
        self.kernel("loss", [last], [grad], self.sizes[last], [(last, grad)])
        self.grads[last] = grad
        for layer in reversed(self.layers):
            self._backward(layer)
        return Graph(self.sizes, self.kernels)

    def _backward(self, layer: Layer) -> None:
        dy = self.grads.pop(layer.result, None)
        if dy is None:
            return
        if layer.name == "bn":
            self._norm(layer, dy)
            return
        saved = [*layer.aside]
        saved += layer.operands if "x" in layer.saves else ()
        saved += (layer.result,) if "y" in layer.saves else ()
        if layer.weight:
            dw = self.value(layer.weight)
            self.kernel(f"{layer.name}.dw", [dy, *saved], [dw], layer.flops)
            self.kernel(f"{layer.name}.update", [dw], [self.value(0)], layer.weight)
        wanted = [v for v in dict.fromkeys(layer.operands) if v not in self.fixed]
        if layer.name == "add":
            for v in wanted:
                self._accumulate(v, dy)
            return
        read = [] if layer.weight and "y" not in layer.saves else saved
        for v in wanted:
            dx = self.value(self.sizes[v])
            alike = self.sizes[v] == self.sizes[layer.result] and not layer.weight
            pairs = [(dy, dx)] if alike and v == wanted[-1] else []
            self.kernel(
                f"{layer.name}.dx", [dy, *read], [dx], layer.flops / (len(wanted) or 1), pairs
            )
            self._accumulate(v, dx)

    def _norm(self, layer: Layer, dy: int) -> None:
        """Backward of batch norm, the sum with another value and ReLU, whose mask is the result's
        sign: sums over all but the channels, then the gradient."""
        x, *added = layer.operands
        nbytes = self.sizes[x]
        if added:
            dz = self.value(nbytes)
            self.kernel("relu.dx", [dy, layer.result], [dz], nbytes / 4, [(dy, dz)])
            self._accumulate(added[0], dz)
            reads, dy = [dz, x, *layer.aside], dz
        else:
            reads = [dy, x, layer.result, *layer.aside]
        sums, dx = self.value(layer.weight), self.value(nbytes)
        self.kernel("bn.sums", reads, [sums], nbytes)
        self.kernel("bn.update", [sums], [self.value(0)], layer.weight)
        self.kernel("bn.dx", [*reads, sums], [dx], 2 * nbytes, [(dy, dx)])
        self._accumulate(x, dx)

    def _accumulate(self, v: int, grad: int) -> None:
        if v in self.grads:
            total = self.value(self.sizes[v])
            first = self.grads[v]
            self.kernel(
                "sum", [first, grad], [total], self.sizes[v] / 4, [(first, total), (grad, total)]
            )
            grad = total
        self.grads[v] = grad
