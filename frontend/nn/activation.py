"""Activations as modules."""

from __future__ import annotations

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.nn.module import Module
from tyc.tensors import Parameter, Tensor


class ReLU(Module):
    """`y = max(x, 0)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`relu(x)`."""
        return F.relu(x)


class ReLU6(Module):
    """`y = min(max(x, 0), 6)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`relu6(x)`."""
        return F.relu6(x)


class SELU(Module):
    """`y = selu(x)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`selu(x)`."""
        return F.selu(x)


class SiLU(Module):
    """`y = x * sigmoid(x)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`silu(x)`."""
        return F.silu(x)


class Sigmoid(Module):
    """`y = 1 / (1 + e ** -x)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`sigmoid(x)`."""
        return F.sigmoid(x)


class Tanh(Module):
    """`y = tanh(x)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`tanh(x)`."""
        return F.tanh(x)


class HardSigmoid(Module):
    """`y = min(max(x / 6 + 0.5, 0), 1)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`hard_sigmoid(x)`."""
        return F.hard_sigmoid(x)


class HardSwish(Module):
    """`y = x * hard_sigmoid(x)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`hard_swish(x)`."""
        return F.hard_swish(x)


class Softplus(Module):
    """`y = ln(1 + e ** x)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`softplus(x)`."""
        return F.softplus(x)


class Softsign(Module):
    """`y = x / (1 + |x|)`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`softsign(x)`."""
        return F.softsign(x)


class Mish(Module):
    """`y = x * tanh(softplus(x))`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`mish(x)`."""
        return F.mish(x)


class LogSigmoid(Module):
    """`y = ln(sigmoid(x))`."""

    def forward(self, x: TensorLike) -> Tensor:
        """`log_sigmoid(x)`."""
        return F.log_sigmoid(x)


class LeakyReLU(Module):
    """`y = x` above 0, else `alpha * x`."""

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    def forward(self, x: TensorLike) -> Tensor:
        """`leaky_relu(x, alpha)`."""
        return F.leaky_relu(x, self.alpha)

    def extra_repr(self) -> str:
        """Options."""
        return f"alpha={self.alpha!r}"


class ELU(Module):
    """`y = x` above 0, else `alpha * (e ** x - 1)`."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: TensorLike) -> Tensor:
        """`elu(x, alpha)`."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Options."""
        return f"alpha={self.alpha!r}"


class CELU(Module):
    """`y = x` above 0, else `alpha * (e ** (x / alpha) - 1)`."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: TensorLike) -> Tensor:
        """`celu(x, alpha)`."""
        return F.celu(x, self.alpha)

    def extra_repr(self) -> str:
        """Options."""
        return f"alpha={self.alpha!r}"


class GELU(Module):
    """`y = x * (1 + erf(x / sqrt(2))) / 2`."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: TensorLike) -> Tensor:
        """`gelu(x, approximate)`."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Options."""
        return f"approximate={self.approximate!r}"


class HardTanh(Module):
    """`y = min(max(x, low), high)`."""

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low, self.high = low, high

    def forward(self, x: TensorLike) -> Tensor:
        """`hard_tanh(x, low, high)`."""
        return F.hard_tanh(x, self.low, self.high)

    def extra_repr(self) -> str:
        """Options."""
        return f"low={self.low!r}, high={self.high!r}"


class Softmax(Module):
    """`y = e ** x / sum(e ** x)` along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """`softmax(x, axis)`."""
        return F.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """Options."""
        return f"axis={self.axis!r}"


class LogSoftmax(Module):
    """`y = ln(softmax(x))` along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """`log_softmax(x, axis)`."""
        return F.log_softmax(x, self.axis)

    def extra_repr(self) -> str:
        """Options."""
        return f"axis={self.axis!r}"


class GLU(Module):
    """`y = a * sigmoid(b)` of the halves along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """`glu(x, axis)`."""
        return F.glu(x, self.axis)

    def extra_repr(self) -> str:
        """Options."""
        return f"axis={self.axis!r}"


class PReLU(Module):
    """`y = x` above 0, else `weight * x`, with one weight or one for each channel."""

    def __init__(self, count: int = 1, initial: float = 0.25) -> None:
        self.weight = Parameter(F.full(count, initial))

    def forward(self, x: TensorLike) -> Tensor:
        """`prelu(x, weight)`."""
        return F.prelu(x, self.weight)
