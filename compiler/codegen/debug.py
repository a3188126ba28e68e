"""DWARF, by LLVM metadata: what `perf`, `gdb` and `addr2line` say of an address in a library.

    #0  conv_clip_f511330f20 () at conv_clip_f511330f20.mlir:1     the kernel, in its own object
    #1  onnx:conv1:Conv () at resnet18.json:214                    the step, inlined in main
    #2  model_main () at resnet18.json:214

A kernel is shared by equal calls and kept by its content, so that only its name is in its object.
Where a call came from stands in main: line N of the manifest beside the library is the step; a step
that a line of Python made has that file and line. Files have no folder: bytes stay the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_FIRST = 1_000_000  # beyond what MLIR's translation numbers
_PYTHON = re.compile(r"(?P<file>.+\.py):(?P<line>\d+):\d+")


class Metadata:
    """Metadata nodes of one module: its compile unit has functions and lines, and no types."""

    def __init__(self, file: str) -> None:
        self._lines: list[str] = []
        self._files: dict[str, str] = {}
        self.file = self._file(file)
        self._type = self.node("!DISubroutineType(types: !{})")
        self._unit = self.node(
            f'distinct !DICompileUnit(language: DW_LANG_C11, file: {self.file}, producer: "tyc", '
            "isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug)"
        )

    def node(self, text: str) -> str:
        """Adds a node; its name."""
        name = f"!{_FIRST + len(self._lines)}"
        self._lines.append(f"{name} = {text}")
        return name

    def _file(self, name: str) -> str:
        if name not in self._files:
            text = f'!DIFile(filename: "{_quoted(name)}", directory: ".")'
            self._files[name] = self.node(text)
        return self._files[name]

    def function(self, name: str, line: int = 1, file: str | None = None) -> str:
        """A function that is defined at a line of the module's file, or of another one."""
        place = self.file if file is None else self._file(file)
        return self.node(
            f'distinct !DISubprogram(name: "{_quoted(name)}", scope: {place}, file: {place}, '
            f"line: {line}, type: {self._type}, scopeLine: {line}, unit: {self._unit}, "
            "spFlags: DISPFlagDefinition | DISPFlagOptimized)"
        )

    def location(self, line: int, scope: str, inlined_at: str = "") -> str:
        """A line of a function, which may be inlined at a location of another one."""
        at = f", inlinedAt: {inlined_at}" if inlined_at else ""
        return self.node(f"distinct !DILocation(line: {line}, scope: {scope}{at})")

    def text(self) -> str:
        """The module's metadata as LLVM IR."""
        flags = [
            self.node('!{i32 7, !"Dwarf Version", i32 4}'),
            self.node('!{i32 2, !"Debug Info Version", i32 3}'),
        ]
        head = [
            f"!llvm.dbg.cu = !{{{self._unit}}}",
            f"!llvm.module.flags = !{{{', '.join(flags)}}}",
        ]
        return "\n".join([*head, *self._lines, ""])


_ESCAPED = re.compile(rb'[^ -~]|["\\]')


def quoted(data: bytes) -> str:
    """Bytes as they stand between quotes in LLVM IR: `a\\22b` for `a"b`."""
    return _ESCAPED.sub(lambda m: b"\\%02X" % m[0][0], data).decode("ascii")


def _quoted(text: str) -> str:
    return quoted(text.encode())


def kernel(name: str) -> tuple[str, str, str]:
    """What a kernel's task and the call in it are marked with, and the metadata."""
    metadata = Metadata(f"{name}.mlir")
    function = metadata.function(name)
    location = metadata.location(1, function)
    text = metadata.text().split("\n")
    # MLIR's translation wrote the version of debug information; twice would be refused.
    text = [t for t in text if not t.startswith("!llvm.module.flags")]
    return f"!dbg {function}", f"!dbg {location}", "\n".join(text)


class Steps:
    """The marks of main functions and of their steps: each step is a function inlined at its line
    of the manifest."""

    def __init__(self, manifest: str, lines: Sequence[int], names: Sequence[str]) -> None:
        self._metadata, self._lines = Metadata(manifest), lines
        self._scopes: list[tuple[str, int]] = []
        for line, name in zip(lines, names):
            found = _PYTHON.fullmatch(name)
            if found is None:
                self._scopes.append((self._metadata.function(name, line), line))
            else:
                at = int(found["line"])
                self._scopes.append((self._metadata.function(name, at, found["file"]), at))

    def main(self, name: str) -> tuple[str, list[str]]:
        """The mark of a main function and those of its steps."""
        function = self._metadata.function(name, min(self._lines, default=1))
        marks = []
        for line, (scope, at) in zip(self._lines, self._scopes):
            outer = self._metadata.location(line, function)
            marks.append(f", !dbg {self._metadata.location(at, scope, outer)}")
        return f" !dbg {function}", marks

    def text(self) -> str:
        """The metadata as LLVM IR."""
        return self._metadata.text()
