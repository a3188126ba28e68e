"""What tuning found, kept as a file of JSON lines, one kernel a line.

    {"version": 1, "key": "5c1f...", "choice": {"family": ..., "parameters": ...}, ...}

A key is a digest of the kernel's text, the target and the options, so that files of several models
may be joined, by `cat` too: of two lines of one key the one with more trials counts, of equals the
later. A kernel whose default is best has no choice.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tyc.compiler.kernels import KernelSource
from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice, InvalidParameters
from tyc.compiler.targets import Target
from tyc.runtime.errors import UserError

VERSION = 1
_HINT = "tyc tune MODEL -o FILE writes one"


@dataclass(frozen=True)
class Record:
    """What is known of one kernel: its best choice, `None` for the default, and how that was found.

    `trials` of `space` choices were measured; `compiler` is the digest of the sources that made
    them; times are of one call, the mean over the measured thread counts.
    """

    key: str
    kernel: str
    target: dict[str, Any]
    choice: Choice | None
    nanoseconds: float
    default_nanoseconds: float
    trials: int
    space: int
    compiler: str
    threads: tuple[int, ...] = (1,)

    @property
    def gain(self) -> float:
        """`default / best`."""
        return self.default_nanoseconds / self.nanoseconds if self.nanoseconds else 1.0

    def to_json(self) -> dict[str, Any]:
        """The record as plain data."""
        choice = self.choice.to_json() if self.choice else None
        return {"version": VERSION, **asdict(self), "choice": choice}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Record:
        """The record of `to_json`'s data; raises `ValueError` for anything else."""
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise ValueError(f"a record of version {VERSION} was expected")
        facts = {k: v for k, v in data.items() if k != "version"}
        choice = facts["choice"]
        facts["choice"] = None if choice is None else Choice.from_json(choice)
        facts["threads"] = tuple(facts["threads"])
        record = Record(**facts)
        if not isinstance(record.key, str) or not isinstance(record.target, dict):
            raise ValueError("a record has a key and a target")
        if not all(isinstance(n, int) for n in (record.trials, record.space, *record.threads)):
            raise ValueError("a record counts its trials")
        return record


def key_of(source: KernelSource, target: Target, options: Options) -> str:
    """What a kernel's choice depends on; its name does not count."""
    text = source.text.replace(f"@{source.name}", "@kernel")
    parts = json.dumps([text, target.identity, options.key()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass
class Database:
    """Records by key."""

    records: dict[str, Record] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Puts a record in, unless there is one with more trials."""
        known = self.records.get(record.key)
        if known is None or record.trials >= known.trials:
            self.records[record.key] = record

    def put(self, record: Record) -> None:
        """Puts a record in, in place of the one that is there."""
        self.records[record.key] = record

    def merge(self, other: Database) -> None:
        """Adds the records of another."""
        for record in other.records.values():
            self.add(record)

    def find(self, source: KernelSource, target: Target, options: Options) -> Record | None:
        """The record of a kernel."""
        return self.records.get(key_of(source, target, options))

    def chosen(
        self, sources: Iterable[KernelSource], target: Target, options: Options
    ) -> list[KernelSource]:
        """The kernels with their best choices, where they are known."""
        made = []
        for source in sources:
            record = self.find(source, target, options)
            made.append(replace(source, choice=record.choice) if record else source)
        return made

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        lines = [json.dumps(r.to_json(), sort_keys=True) + "\n" for r in self.records.values()]
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".tyc-", delete=False) as f:
            f.writelines(lines)
        os.chmod(f.name, 0o644)
        os.replace(f.name, path)


def read(path: Path) -> Database:
    """The database in a file; raises `UserError` for what is none."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise UserError("file of tuned choices must exist", node=str(path), hint=_HINT) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        message = f"file of tuned choices must be JSON lines, got: {reason.lower()}"
        raise UserError(message, node=str(path), hint=_HINT) from None
    found = Database()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.add(Record.from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError, InvalidParameters) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"line {number} must be a record of tyc tune, got: {reason}",
                node=str(path),
                hint="remove the line, or tune again",
            ) from None
    return found


def read_all(paths: Sequence[Path], target: Target) -> Database:
    """The databases of several files as one, for a target.

    Raises `UserError` for a file that was tuned for other machines only.
    """
    found = Database()
    for path in paths:
        other = read(path)
        machines = [r.target for r in other.records.values()]
        if machines and target.identity not in machines:
            names = ", ".join(sorted({str(m.get("cpu")) for m in machines}))
            raise UserError(
                f"choices were tuned for {names}, got target {target.cpu} with"
                f" {target.feature_string or 'no features'}",
                node=str(path),
                hint="compile with the --cpu that was tuned for, or tune on the new machine",
            )
        found.merge(other)
    return found
