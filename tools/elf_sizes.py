"""Sections and symbols of an ELF file of either word size, little-endian: what `tyc size` adds up.

`runtime/elf.py` reads only what must be known before a library is loaded on its own machine.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from tyc.runtime.errors import UserError

_ALLOCATED, _NO_BITS, _SYMTAB = 2, 8, 2
_FUNCTION_OR_OBJECT = (1, 2)


@dataclass(frozen=True)
class Section:
    """A section that takes bytes of the file; `loaded` where it is mapped when a program runs."""

    name: str
    nbytes: int
    loaded: bool


@dataclass(frozen=True)
class Symbol:
    """A function or an object of the program, with the section that it is in."""

    name: str
    address: int
    nbytes: int
    section: str


def read(path: Path) -> tuple[list[Section], list[Symbol]]:
    """The sections and symbols of a file; raises `UserError` where it is no such ELF file."""
    try:
        data = path.read_bytes()
        if data[:4] != b"\x7fELF" or data[5:6] != b"\x01":
            raise ValueError
        return _read(data, wide=data[4] == 2)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"library must be a readable file, got {reason!r}", node=str(path)
        ) from None
    except (ValueError, struct.error, IndexError):
        raise UserError(
            "library must be a little-endian ELF file, got something else",
            node=str(path),
            hint="give the .so that `tyc compile` wrote",
        ) from None


def _read(data: bytes, wide: bool) -> tuple[list[Section], list[Symbol]]:
    begin = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)[0]
    size, count, names = struct.unpack_from("<HHH", data, 58 if wide else 46)
    form = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
    rows = [struct.unpack_from(form, data, begin + i * size) for i in range(count)]

    def text(table: int, at: int) -> str:
        start = rows[table][4] + at
        return data[start : data.index(b"\0", start)].decode()

    titles = [text(names, row[0]) for row in rows]
    sections = [
        Section(title, row[5], bool(row[2] & _ALLOCATED))
        for title, row in zip(titles, rows) if row[1] not in (0, _NO_BITS)
    ]  # fmt: skip
    symbols: dict[int, Symbol] = {}
    for row in rows:
        for at in range(row[4], row[4] + row[5], row[9]) if row[1] == _SYMTAB else ():
            name, address, nbytes, info, section = _symbol(data, at, wide)
            if info & 15 in _FUNCTION_OR_OBJECT and nbytes and 0 < section < count:
                # Functions that were folded stand at one address.
                found = Symbol(text(row[6], name), address, nbytes, titles[section])
                symbols.setdefault(address, found)
    return sections, list(symbols.values())


def _symbol(data: bytes, at: int, wide: bool) -> tuple[int, int, int, int, int]:
    """Name, address, size, kind and section of a symbol."""
    if wide:
        name, info, _, section, address, nbytes = struct.unpack_from("<IBBHQQ", data, at)
    else:
        name, address, nbytes, info, _, section = struct.unpack_from("<IIIBBH", data, at)
    return name, address, nbytes, info, section
