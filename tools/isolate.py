"""Runs a command in a child process, so that a crash inside of MLIR or LLVM becomes a message.

The child is forked before anything large is imported: that costs a millisecond. What native code
prints to file descriptor 2 (assertions, stack dumps) goes to a report instead of the terminal;
with TYC_DEBUG=1 it goes straight through.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

EXIT_INTERNAL = 3
PATIENCE_SECONDS = 3.0


def in_child(work: Callable[[], int], arguments: Sequence[str]) -> int:
    """The exit code of `work`, run in a child; a crash is told on standard error."""
    debug = os.environ.get("TYC_DEBUG") == "1"
    with tempfile.TemporaryFile() as noise:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _child(work, None if debug else noise)
        code = _wait(child)
        if code >= 0:
            return code
        noise.seek(0)
        return _tell(-code, noise.read().decode(errors="replace"), arguments)


def _child(work: Callable[[], int], noise: IO[bytes] | None) -> None:
    """Never returns: ends the process with the code of `work`."""
    if noise is not None:
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
        os.dup2(noise.fileno(), 2)
    code = EXIT_INTERNAL
    try:
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        _end(code)


def _end(code: int) -> None:
    """Leaves as an interpreter does: exit handlers stop worker processes, buffers are written."""
    import atexit

    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = 0
    os._exit(code)


def _wait(child: int) -> int:
    """The child's exit code, negative for a signal. An interrupt is the child's to handle.

    SIGTERM interrupts the child, so that it tidies up. A second one kills it, and so does time: an
    interrupt that comes while a native module is being imported can be lost.
    """
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        os.kill(child, signal.SIGKILL if stopped else signal.SIGINT)
        if not stopped:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
        stopped = True

    before = signal.signal(signal.SIGTERM, stop)
    before_alarm = signal.signal(signal.SIGALRM, stop)
    try:
        while True:
            try:
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                return 128 + signal.SIGTERM if stopped else code
            except KeyboardInterrupt:
                continue
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGALRM, before_alarm)


def _tell(number: int, noise: str, arguments: Sequence[str]) -> int:
    name = signal.Signals(number).name
    if number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        print(f"error: stopped by {name}", file=sys.stderr)
        return 128 + number
    path = keep_report(f"command: tyc {' '.join(arguments)}\n{noise}")
    print(
        f"error: the compiler crashed ({name}); this is a defect of tyc: the report is kept in"
        f" {path}, TYC_DEBUG=1 shows all that was printed",
        file=sys.stderr,
    )
    return EXIT_INTERNAL


def keep_report(text: str) -> Path:
    """Writes how a failure came about to the cache's folder `reproducers`."""
    from tyc.compiler import cache

    try:
        folder = cache.folder("reproducers")
    except OSError:
        folder = Path(tempfile.gettempdir())
    path = folder / f"report-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    path.write_text(text)
    return path
