"""ONNX's node tests in worker processes that may crash or hang, with the table of what passes.

python tests/conformance/runner.py --mode interpreter --only '^test_conv'
python tests/conformance/runner.py --mode compiled --update      # rewrites passing.txt
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from node_cases import load_cases  # noqa: E402
from node_execution import RUNNERS, Outcome, execute  # noqa: E402

TABLE = HERE / "passing.txt"


class Worker:
    """A process that takes case names and answers outcomes, one JSON line each."""

    def __init__(self, mode: str) -> None:
        command = [sys.executable, str(HERE / "runner.py"), "--serve", "--mode", mode]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.buffer = b""
        self._line(120)

    def run(self, name: str, limit: float) -> Outcome | None:
        """The outcome of one case; None where the worker is no longer of use."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{name}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._line(limit)
        if line is None:
            return None
        fields = json.loads(line)
        return Outcome(**{**fields, "fixed": tuple(fields["fixed"])})

    def _line(self, limit: float) -> bytes | None:
        """The next line of the worker, None at its end or after `limit` seconds of silence."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self.buffer:
            if not select.select([descriptor], [], [], limit)[0]:
                return None
            data = os.read(descriptor, 65536)
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def failure(self, name: str) -> Outcome:
        """The outcome of the case on which the worker died or hung; ends the worker."""
        try:
            code = self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return Outcome(name, "timeout")
        return Outcome(name, "crash", f"exit code {code}")

    def close(self) -> None:
        """Ends the worker."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_cases(names: Sequence[str], mode: str, limit: float = 60.0) -> Iterator[Outcome]:
    """The outcome of every case, one after another, in a worker that is replaced when it dies."""
    worker: Worker | None = None
    for name in names:
        worker = worker or Worker(mode)
        outcome = worker.run(name, limit)
        if outcome is None:
            outcome, worker = worker.failure(name), None
        yield outcome
    if worker is not None:
        worker.close()


def read_table() -> dict[str, tuple[str, ...]]:
    """The cases that pass compiled, each with the inputs that are fixed at compile time."""
    table = {}
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            name, *fixed = line.split()
            table[name] = tuple(fixed)
    return table


def write_table(outcomes: Sequence[Outcome]) -> None:
    """Rewrites `passing.txt`."""
    rows = [" ".join([o.name, *o.fixed]) for o in outcomes if o.status == "ok"]
    head = "# Node tests of ONNX that pass compiled; after a name: inputs fixed at compile time.\n"
    TABLE.write_text(head + "".join(f"{row}\n" for row in sorted(rows)))


def serve(mode: str) -> None:
    """The worker's side: names in, outcomes out. What a case prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    cases = load_cases()
    print("ready", file=answers)
    for line in sys.stdin:
        outcome = execute(cases[line.strip()], mode)
        print(json.dumps(outcome.as_dict()), file=answers)


def main() -> None:
    """Runs what the command line asks for and prints a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=tuple(RUNNERS), default="interpreter")
    parser.add_argument("--only", default="", help="regular expression on the case's name")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a case")
    parser.add_argument("--verbose", action="store_true", help="print every case but the ok ones")
    parser.add_argument("--update", action="store_true", help="rewrite passing.txt")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.mode)
        return
    names = [n for n in load_cases() if re.search(options.only, n)]
    outcomes = []
    for outcome in run_cases(names, options.mode, options.limit):
        outcomes.append(outcome)
        if options.verbose and outcome.status != "ok":
            detail = outcome.detail.partition("\n")[0]
            print(f"{outcome.status:12}{outcome.name}: {detail}", flush=True)
    print(dict(Counter(o.status for o in outcomes)), "fixed:", sum(bool(o.fixed) for o in outcomes))
    if options.update:
        write_table(outcomes)


if __name__ == "__main__":
    main()
