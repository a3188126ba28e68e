"""A process that does what may crash: messages to it and back, as `worker.py` writes them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from typing import Any

from tyc.compiler import worker


class ChildDied(Exception):
    """The process ended, or was ended, before it answered; `details` is what it printed."""

    def __init__(self, message: str, details: str) -> None:
        self.message, self.details = message, details
        super().__init__(message)


class Child:
    """`python -m module`, started when it is asked something, and anew after it died."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the child)

    def ask(self, message: Any, seconds: float | None = None) -> Any:
        """The answer to a message. Raises `ChildDied`; where `seconds` are over, by its hand."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(seconds, process.kill) if seconds is not None else None
        if timer is not None:
            timer.start()
        try:
            worker.send(process.stdin, message)
            return worker.receive(process.stdout)
        except (EOFError, BrokenPipeError):
            code = process.wait()
            self._process = None
            late = timer is not None and timer.finished.is_set() and code == -9
            reason = f"took more than {seconds:g} s" if late else f"crashed (exit {code})"
            raise ChildDied(reason, self._said()) from None
        finally:
            if timer is not None:
                timer.cancel()

    def _started(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self._errors.seek(0)
            self._errors.truncate()
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        return self._process

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-20000:]

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None
