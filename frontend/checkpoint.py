"""Checkpoints: all that a training run changes, in one safetensors file.

    tyc.save("run.safetensors", model=net, optimizer=opt, schedule=schedule, step=step)
    step = tyc.load("run.safetensors", model=net, optimizer=opt, schedule=schedule)["step"]

The state of `tyc.random` goes with it, so that a run that is loaded goes on to the same bits as one
that never stopped. Tensors are named `model.fc.weight`, `optimizer.0.momentum.3`, `random`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tyc import random
from tyc.frames import error
from tyc.tensors import Tensor

_RANDOM = "random"


def save(path: str | Path, **parts: Any) -> None:
    """Writes `parts` and the random state; the file is there whole or not at all.

    A part has `state_dict` and `load_state_dict` (modules, optimizers, schedules), or is an integer
    or a float. Raises `UserError` for another part and for the name `random`.
    """
    from safetensors.numpy import save_file

    _check_parts(parts)
    arrays = {_RANDOM: random.get_state().array()}
    for name, part in parts.items():
        if isinstance(part, (int, float)):
            arrays[name] = np.array(part)
        else:
            arrays |= {f"{name}.{key}": t.array() for key, t in part.state_dict().items()}
    dense = {name: np.array(a, order="C") for name, a in arrays.items()}
    target = Path(path)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        save_file(dense, made, {"format": "tyc", "parts": ",".join(parts)})
        os.replace(made, target)


def load(path: str | Path, *, strict: bool = True, **parts: Any) -> dict[str, int | float]:
    """Gives `parts` the states of a file that `save` wrote; the numbers of the file by name.

    Where `strict`, the file has the names of the parts and no others; else what both have is
    loaded. Raises `UserError` for other names and for other shapes, before anything is changed.
    """
    from safetensors.numpy import load_file

    _check_parts(parts)
    if not Path(path).is_file():
        raise error(f"the checkpoint must be in a file, got {path}")
    left = load_file(path)
    state = left.pop(_RANDOM, None)
    if strict and state is None:
        raise error(f"a checkpoint has the random state, got {path} without", "or strict=False")
    found = {name: _taken(left, f"{name}.") for name in parts}
    numbers = {name: left.pop(name).item() for name in list(left) if "." not in name}
    if strict and left:
        unknown = ", ".join(sorted(left))
        raise error(
            f"the parts must be those of the file, got none for {unknown}",
            "name them as in tyc.save, or pass strict=False",
        )
    for name, part in parts.items():
        _check(name, part.state_dict(), found[name], strict)
    for name, part in parts.items():
        own = part.state_dict()
        # What a lenient load does not find stays as it is.
        part.load_state_dict({k: found[name].get(k, v) for k, v in own.items()})
    if state is not None:
        random.set_state(state)
    return numbers


def _check_parts(parts: Mapping[str, Any]) -> None:
    for name, part in parts.items():
        if name == _RANDOM or "." in name:
            raise error(f"a part has a name without a dot that is not 'random', got {name!r}")
        if not (isinstance(part, (int, float)) or hasattr(part, "load_state_dict")):
            raise error(
                f"part {name!r} must be a module, an optimizer, a schedule or a number, "
                f"got {type(part).__name__}"
            )


def _taken(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, taken out, without it."""
    names = [n for n in arrays if n.startswith(prefix)]
    return {n[len(prefix) :]: arrays.pop(n) for n in names}


def _check(
    name: str, own: Mapping[str, Tensor], found: Mapping[str, np.ndarray], strict: bool
) -> None:
    missing, unknown = sorted(own.keys() - found), sorted(found.keys() - own)
    if strict and (missing or unknown):
        raise error(
            f"the file must have the names of {name!r}, "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}",
            "or pass strict=False",
        )
    for key in own:
        if key in found and own[key].shape != found[key].shape:
            raise error(f"{name}.{key} must have shape {own[key].shape}, got {found[key].shape}")
