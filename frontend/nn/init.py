"""Initial values of parameters, drawn from `tyc.random`; each function changes its parameter.

`fan_in` is how many inputs one output sees, `fan_out` how many outputs one input reaches, for
weights `[O, I, kernel...]`.
"""

from __future__ import annotations

import math

from tyc import random
from tyc.frames import error
from tyc.functional.creation import full
from tyc.tensors import Parameter


def fans(parameter: Parameter) -> tuple[int, int]:
    """`fan_in` and `fan_out`."""
    if parameter.ndim < 2:
        raise error(f"a weight must have rank 2 or more to have fans, got {parameter.type}")
    out, inner, *kernel = parameter.shape
    return inner * math.prod(kernel), out * math.prod(kernel)


def constant_(parameter: Parameter, value: float) -> None:
    """`value` everywhere."""
    parameter.assign(full(parameter.shape, value, parameter.dtype))


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


def xavier_uniform_(parameter: Parameter, gain: float = 1.0) -> None:
    """Even in `±gain * sqrt(6 / (fan_in + fan_out))`."""
    bound = gain * math.sqrt(6 / sum(fans(parameter)))
    uniform_(parameter, -bound, bound)


def xavier_normal_(parameter: Parameter, gain: float = 1.0) -> None:
    """Normal with `std = gain * sqrt(2 / (fan_in + fan_out))`."""
    normal_(parameter, 0.0, gain * math.sqrt(2 / sum(fans(parameter))))


def kaiming_uniform_(parameter: Parameter, slope: float = 0.0) -> None:
    """Even in `±sqrt(6 / ((1 + slope**2) * fan_in))`, for leaky ReLUs of that slope."""
    bound = math.sqrt(6 / ((1 + slope**2) * fans(parameter)[0]))
    uniform_(parameter, -bound, bound)


def kaiming_normal_(parameter: Parameter, slope: float = 0.0) -> None:
    """Normal with `std = sqrt(2 / ((1 + slope**2) * fan_in))`."""
    normal_(parameter, 0.0, math.sqrt(2 / ((1 + slope**2) * fans(parameter)[0])))


def lecun_uniform_(parameter: Parameter, fan_in: int) -> None:
    """Even in `±1 / sqrt(fan_in)`: the default of linear layers, convolutions and their biases."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    uniform_(parameter, -bound, bound)
