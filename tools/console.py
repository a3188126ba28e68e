"""What commands print: tables, JSON, sizes and times as people read them, progress."""

from __future__ import annotations

import json
import sys
import threading
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.table import Table

DELAY = 1.0
"""Seconds before progress is shown."""


def show_table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A table on standard output; numbers stand to the right. Whole words where output is no
    terminal, whatever the width."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        numeric = all(isinstance(r[i], (int, float)) for r in rows) and bool(rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(format(c, ",") if isinstance(c, int) else _text(c) for c in row))
    width = None if sys.stdout.isatty() else 200
    Console(file=sys.stdout, width=width, markup=False, highlight=False).print(table)


def _text(cell: Any) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def show_json(data: Any) -> None:
    """Data as JSON on standard output."""
    print(json.dumps(data, indent=1))


def size_text(nbytes: int) -> str:
    """Bytes as a person reads them: `1.5 MiB`."""
    value, unit = float(nbytes), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{nbytes} B" if unit == "B" else f"{value:.1f} {unit}"


class Progress:
    """A bar on standard error for what takes more than a second, where that is a terminal.

    with Progress("compiling") as progress:
        progress.step("kernels", done, total)
    """

    def __init__(self, what: str) -> None:
        self._what, self._shown, self._timer = what, None, None
        if sys.stderr.isatty():
            from rich.progress import Progress as Bar

            self._shown = Bar(console=Console(file=sys.stderr), transient=True)
            self._task = self._shown.add_task(what, total=None)
            self._timer = threading.Timer(DELAY, self._shown.start)
            self._timer.daemon = True

    def __enter__(self) -> Progress:
        if self._timer is not None:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        where: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._timer is not None and self._shown is not None:
            self._timer.cancel()
            self._shown.stop()

    def step(self, stage: str, done: int = 0, total: int | None = None) -> None:
        """Says which stage runs, and how much of it is done."""
        if self._shown is not None:
            label = f"{self._what}: {stage}"
            self._shown.update(self._task, description=label, completed=done, total=total)
