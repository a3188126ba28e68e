"""Inputs of a model: by a fixed rule, or from files, and what is said of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tyc.runtime.errors import UserError

Spec = tuple[str, Any, tuple[int, ...]]


def inputs_of(tensors: Sequence[Spec]) -> dict[str, np.ndarray]:
    """Arrays by a fixed rule for inputs (name, NumPy dtype, shape).

    Floats are standard normal, integers in [0, 1000) ([0, 256) for bytes); masks are ones, token
    types zeros, sampling rates 16000.
    """
    try:
        return {n: _array(i, n, np.dtype(d), s) for i, (n, d, s) in enumerate(tensors)}
    except MemoryError as error:
        raise UserError(f"inputs must fit in memory: {error}") from None


def _array(index: int, name: str, kind: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(1000 + index)
    # bfloat16 is of kind "V" to NumPy.
    if kind.kind in "fV":
        return np.asarray(rng.standard_normal(shape)).astype(kind)
    if kind.kind == "b":
        return np.ones(shape, bool)
    lower = name.lower()
    if "mask" in lower:
        return np.ones(shape, kind)
    if "token_type" in lower:
        return np.zeros(shape, kind)
    if lower == "sr":
        return np.full(shape, 16000, kind)
    bound = 256 if "bytes" in lower or kind.itemsize == 1 else 1000
    return np.asarray(rng.integers(0, min(bound, np.iinfo(kind).max + 1), shape)).astype(kind)


def specs_of(signature: Sequence[Any]) -> list[Spec]:
    """Name, NumPy dtype and shape of the tensors of a loaded module."""
    return [(s.name, s.numpy_dtype, tuple(s.shape)) for s in signature]


def given_inputs(specs: Sequence[Spec], texts: Sequence[str]) -> dict[str, np.ndarray]:
    """The inputs that `name=file.npy`, `name=random` and `name=zeros` ask for.

    A plain `random` or `zeros` is for all that are not named; without anything, random.
    """
    named, rest = _split(texts)
    fixed = inputs_of(specs)
    if unknown := sorted(set(named) - set(fixed)):
        raise UserError(
            f"input must be one of {', '.join(map(repr, fixed)) or 'none'}, got {unknown[0]!r}",
            node="--input",
            hint="tyc inspect shows the inputs of a library",
        )
    return {name: _given(named.get(name, rest), array) for name, array in fixed.items()}


def _split(texts: Sequence[str]) -> tuple[dict[str, str], str]:
    named, rest = {}, "random"
    for text in texts:
        name, equal, value = text.rpartition("=")
        if equal and name and value:
            named[name] = value
        elif text in ("random", "zeros"):
            rest = text
        else:
            raise UserError(
                f"input must read NAME=FILE.npy, NAME=random or NAME=zeros, got {text!r}",
                node="--input",
                hint="write for example --input images=cat.npy",
            )
    return named, rest


def _given(how: str, fixed: np.ndarray) -> np.ndarray:
    if how == "random":
        return fixed
    return np.zeros_like(fixed) if how == "zeros" else load_array(Path(how))


def load_array(path: Path) -> np.ndarray:
    """The array of a `.npy` file; raises `UserError` for anything else."""
    try:
        array = np.load(path, allow_pickle=False)
        if isinstance(array, np.ndarray):
            return array
        message = f"must be a .npy file of one array, got {', '.join(array)}"
        raise UserError(message, node=str(path), hint="write it with numpy.save")
    except FileNotFoundError:
        raise UserError(f"file {str(path)!r} does not exist", node="--input") from None
    except (OSError, ValueError, EOFError) as error:
        # NumPy takes what it does not know for a pickle, and proposes to load it so.
        got = "something else, or an array of objects" if "pickle" in str(error) else error
        raise UserError(
            f"must be a .npy file of numbers, got {got}",
            node=str(path),
            hint="write it with numpy.save",
        ) from None


def statistics(array: np.ndarray) -> dict[str, Any]:
    """Least, greatest and mean value, and where the greatest one stands."""
    if not array.size:
        return {"min": None, "max": None, "mean": None, "argmax": None}
    wide = array.astype(np.float64)
    return {
        "min": float(wide.min()),
        "max": float(wide.max()),
        "mean": float(wide.mean()),
        "argmax": [int(i) for i in np.unravel_index(int(wide.argmax()), array.shape)],
    }


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """`max |got - want| / max |want|`; infinite where shapes differ or one is NaN alone."""
    if got.shape != want.shape:
        return float("inf")
    if not want.size:
        return 0.0
    a, b = got.astype(np.float64), want.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    difference = np.where(same, 0.0, np.abs(a - b))
    finite = np.abs(b[np.isfinite(b)])
    if not np.isfinite(difference).all():
        return float("inf")
    return float(difference.max() / max(float(finite.max()) if finite.size else 0.0, 1e-30))


def by_name(result: Any, names: Sequence[str]) -> Mapping[str, np.ndarray]:
    """The outputs of a call of a module, by name."""
    values = list(result) if len(names) > 1 else [result]
    return dict(zip(names, values))
