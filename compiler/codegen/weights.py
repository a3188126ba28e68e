"""The packed weights of a library: one file of bytes, each array at a multiple of 64."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tyc.compiler.targets.target import Platform
from tyc.runtime.abi import ALIGNMENT
from tyc.runtime.errors import InternalError


@dataclass
class WeightFile:
    """Where each array stands in the bytes, and how many bytes there are."""

    offsets: list[int]
    nbytes: int
    names: list[tuple[str, int, int]]


def write_weights(arrays: Iterable[tuple[str, np.ndarray]], path: Path) -> WeightFile:
    """Writes the arrays one after another, an array that stands there already only once.

    `arrays` may be made on demand: one is in memory at a time.
    """
    known: dict[str, int] = {}
    offsets: list[int] = []
    names: list[tuple[str, int, int]] = []
    end = 0
    with path.open("wb") as file:
        for name, array in arrays:
            data = np.ascontiguousarray(array)
            view = data.reshape(-1).view(np.uint8).data
            digest = hashlib.sha256(view).hexdigest()
            if digest not in known:
                known[digest] = end
                file.write(view)
                padded = -(-data.nbytes // ALIGNMENT) * ALIGNMENT
                file.write(bytes(padded - data.nbytes))
                names.append((name, end, end + padded))
                end += padded
            offsets.append(known[digest])
    return WeightFile(offsets, end, names)


def weights_object(path: Path, output: Path, platform: Platform) -> None:
    """Makes an object for a platform whose read-only, aligned `tyc_weights` is the file's bytes."""
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    objcopy = Path(spec.submodule_search_locations[0]) / "bin" / "llvm-objcopy"
    symbol = "_binary_" + "".join(c if c.isalnum() else "_" for c in path.name) + "_start"
    section = ".rodata.tyc_weights"
    done = subprocess.run(
        [str(objcopy), "-I", "binary", "-O", platform.format,
         "--rename-section", f".data={section},alloc,load,readonly,data,contents",
         "--set-section-alignment", f"{section}={ALIGNMENT}",
         "--set-section-alignment", f".data={ALIGNMENT}",
         "--redefine-sym", f"{symbol}=tyc_weights", path.name, str(output)],
        capture_output=True, text=True, cwd=path.parent,
    )  # fmt: skip
    if done.returncode:
        raise InternalError(f"the weights did not become an object: {done.stderr.strip()[:500]}")


def write_safetensors(file: WeightFile, source: Path, output: Path) -> None:
    """Writes the bytes as a safetensors file of u8 tensors, aligned as the runtime asks."""
    head: dict[str, dict] = {}
    for name, begin, end in file.names:
        # One array may be packed in several ways.
        unique, number = name, 1
        while unique in head:
            unique, number = f"{name}#{number + 1}", number + 1
        head[unique] = {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with output.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for chunk in _chunks(source):
            out.write(chunk)


def _chunks(path: Path, size: int = 1 << 24) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk
