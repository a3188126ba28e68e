"""What must be known of a shared library before it is loaded, read from its ELF headers.

dlopen trusts a file: loading a truncated one kills the process by SIGBUS. So sizes are checked here
first, and the model's name is found among the exported symbols.
"""

from __future__ import annotations

import mmap
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

from tyc.runtime.errors import UserError

_MACHINES = {62: "x86_64", 183: "aarch64", 40: "arm"}
_PT_LOAD = 1
_SHT_DYNSYM = 11
_SUFFIX = b"_manifest"


@dataclass(frozen=True)
class _Header:
    """The fields of the ELF header that lead to the rest."""

    machine: int
    segments: int
    sections: int
    segment_size: int
    segment_count: int
    section_size: int
    section_count: int


def model_name(path: Path) -> str:
    """The name of the model in the library at `path`, from its exported `NAME_manifest`."""
    data = _map(path)
    header = _header(path, data)
    try:
        _check_complete(path, data, header)
        names = [n for n in _exported_names(data, header) if n.endswith(_SUFFIX) and n != _SUFFIX]
    except (struct.error, ValueError, IndexError):
        raise _truncated(path, len(data)) from None
    if len(names) != 1:
        found = "none" if not names else ", ".join(sorted(n.decode() for n in names))
        raise _refuse(path, f"library must export one NAME_manifest, got {found}")
    return names[0].removesuffix(_SUFFIX).decode()


def _map(path: Path) -> mmap.mmap:
    """The file's bytes, mapped and not read: a library may hold gigabytes of weights."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:  # what mmap says of an empty file
        raise _refuse(path, "library must be an ELF shared library, got an empty file") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _refuse(path, f"library must be a readable file, got {reason!r}") from None


def _header(path: Path, data: mmap.mmap) -> _Header:
    if data[:4] != b"\x7fELF":
        raise _refuse(path, f"library must be an ELF shared library, got first bytes {data[:4]!r}")
    if len(data) < 64:
        raise _truncated(path, len(data))
    if data[4:6] != b"\x02\x01":
        raise _refuse(path, "library must be 64-bit little-endian ELF, got another kind of ELF")
    fields = struct.unpack_from("<HHIQQQIHHHHHH", data, 16)
    header = _Header(fields[1], fields[4], fields[5], fields[8], fields[9], fields[10], fields[11])
    built_for = _MACHINES.get(header.machine, f"machine {header.machine}")
    if built_for != platform.machine():
        raise UserError(
            f"library must be built for {platform.machine()}, got {built_for}",
            node=str(path),
            hint="compile it for this machine, or run it on the other",
        )
    return header


def _check_complete(path: Path, data: mmap.mmap, header: _Header) -> None:
    for i in range(header.segment_count):
        at = header.segments + i * header.segment_size
        kind, _, offset, _, _, in_file = struct.unpack_from("<IIQQQQ", data, at)
        if kind == _PT_LOAD and offset + in_file > len(data):
            raise _truncated(path, len(data))


def _exported_names(data: mmap.mmap, header: _Header) -> list[bytes]:
    sections = [
        struct.unpack_from("<IIQQQQIIQQ", data, header.sections + i * header.section_size)
        for i in range(header.section_count)
    ]
    names = []
    for _, kind, _, _, offset, size, link, _, _, entry in sections:
        if kind != _SHT_DYNSYM:
            continue
        strings = sections[link][4]
        for at in range(offset, offset + size, entry):
            name, _, _, section, _, _ = struct.unpack_from("<IBBHQQ", data, at)
            if section != 0:  # zero: imported
                start = strings + name
                names.append(data[start : data.find(b"\0", start)])
    return names


def _refuse(path: Path, message: str) -> UserError:
    return UserError(message, node=str(path), hint="give the .so that `tyc compile` wrote")


def _truncated(path: Path, size: int) -> UserError:
    return UserError(
        f"library must be complete, got a file cut off at {size} bytes",
        node=str(path),
        hint="compile or copy it again",
    )
