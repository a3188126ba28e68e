"""Initial values of parameters, drawn from `tyc.random`; each function changes its parameter.

`fan_in` is how many inputs one output sees, `fan_out` how many outputs one input reaches, for
weights `[O, I, kernel...]`.
"""

from __future__ import annotations

import math

import numpy as np

from tyc import random
from tyc.frames import error
from tyc.functional.creation import full
from tyc.tensors import Parameter


def fans(parameter: Parameter) -> tuple[int, int]:
    """`fan_in` and `fan_out`; raises `UserError` for a parameter of rank below 2."""
    if parameter.ndim < 2:
        raise error(f"a weight must have rank 2 or more to have fans, got {parameter.type}")
    out, inner, *kernel = parameter.shape
    return inner * math.prod(kernel), out * math.prod(kernel)


def gain(activation: str, slope: float = 0.01) -> float:
    """What an activation divides the standard deviation by, so that a weight has to make up for it.

    1 for linear layers and sigmoid, 5/3 for tanh, `sqrt(2)` for ReLU, `sqrt(2 / (1 + slope**2))`
    for leaky ReLU, 3/4 for SELU: PyTorch's and MegEngine's `calculate_gain`.
    """
    known = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + slope**2)),
        "selu": 3 / 4,
    }
    if activation not in known:
        raise error(f"activation must be one of {', '.join(known)}, got {activation!r}")
    return known[activation]


def constant_(parameter: Parameter, value: float) -> None:
    """`value` everywhere."""
    parameter.assign(full(parameter.shape, value, parameter.dtype))


fill_ = constant_


def zeros_(parameter: Parameter) -> None:
    """0 everywhere."""
    constant_(parameter, 0)


def ones_(parameter: Parameter) -> None:
    """1 everywhere."""
    constant_(parameter, 1)


def uniform_(parameter: Parameter, low: float = 0.0, high: float = 1.0) -> None:
    """Even in `low..high`."""
    parameter.assign(random.uniform(parameter.shape, low, high, parameter.dtype))


def normal_(parameter: Parameter, mean: float = 0.0, std: float = 1.0) -> None:
    """Normal around `mean`."""
    parameter.assign(random.normal(parameter.shape, mean, std, parameter.dtype))


def truncated_normal_(
    parameter: Parameter, mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0
) -> None:
    """Normal around `mean`, with what falls outside of `low..high` drawn again.

    The bounds are values, as in PyTorch, not multiples of `std`. Raises `UserError` where they hold
    less than 1 % of the distribution.
    """
    share = [math.erf((v - mean) / (std * math.sqrt(2))) / 2 for v in (low, high)]
    if not share[1] - share[0] >= 0.01:
        raise error(f"low..high must hold 1 % of the distribution or more, got {low}..{high}")
    values = random.normal(parameter.shape, mean, std, "f64").numpy().reshape(-1).copy()
    while (outside := np.flatnonzero((values < low) | (values > high))).size:
        values[outside] = random.normal((outside.size,), mean, std, "f64").numpy()
    kind = parameter.dtype.numpy
    parameter.assign(np.clip(values, low, high).astype(kind).reshape(parameter.shape))


def xavier_uniform_(parameter: Parameter, gain: float = 1.0) -> None:
    """Even in `±gain * sqrt(6 / (fan_in + fan_out))`.

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010.
    """
    bound = gain * math.sqrt(6 / sum(fans(parameter)))
    uniform_(parameter, -bound, bound)


def xavier_normal_(parameter: Parameter, gain: float = 1.0) -> None:
    """Normal with `std = gain * sqrt(2 / (fan_in + fan_out))`."""
    normal_(parameter, 0.0, gain * math.sqrt(2 / sum(fans(parameter))))


def kaiming_uniform_(
    parameter: Parameter, slope: float = 0.0, mode: str = "fan_in", activation: str = "leaky_relu"
) -> None:
    """Even in `±gain * sqrt(3 / fan)`, for leaky ReLUs of that slope unless `activation` says else.

    `mode` is `fan_in` or `fan_out` (He et al., Delving Deep into Rectifiers, ICCV 2015). MegEngine
    calls it `msra_uniform_`.
    """
    bound = gain(activation, slope) * math.sqrt(3 / _fan(parameter, mode))
    uniform_(parameter, -bound, bound)


def kaiming_normal_(
    parameter: Parameter, slope: float = 0.0, mode: str = "fan_in", activation: str = "leaky_relu"
) -> None:
    """Normal with `std = gain / sqrt(fan)`; MegEngine calls it `msra_normal_`."""
    normal_(parameter, 0.0, gain(activation, slope) / math.sqrt(_fan(parameter, mode)))


def _fan(parameter: Parameter, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise error(f"mode must be fan_in or fan_out, got {mode!r}")
    return fans(parameter)[mode == "fan_out"]


msra_uniform_ = kaiming_uniform_
msra_normal_ = kaiming_normal_


def orthogonal_(parameter: Parameter, gain: float = 1.0) -> None:
    """`gain` times a random matrix `[O, rest]` with orthogonal rows, or columns if those are fewer.

    The Q of a normal matrix, signs fixed by R (Saxe, McClelland and Ganguli, Exact solutions to the
    nonlinear dynamics of learning in deep linear neural networks, ICLR 2014). Raises `UserError`
    for a parameter of rank below 2.
    """
    fans(parameter)
    rows = parameter.shape[0]
    columns = parameter.size // max(rows, 1)
    tall = random.normal((max(rows, columns), min(rows, columns)), dtype="f64").numpy()
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    matrix = (q.T if rows < columns else q) * gain
    parameter.assign(matrix.reshape(parameter.shape).astype(parameter.dtype.numpy))


def lecun_uniform_(parameter: Parameter, fan_in: int) -> None:
    """Even in `±1 / sqrt(fan_in)`: the default of linear layers, convolutions and their biases."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    uniform_(parameter, -bound, bound)
