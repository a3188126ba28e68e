"""A page in headless Chromium: what its DOM is after its scripts, and what they complained of."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=10000")  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """The document as it stands, and the lines of the console."""

    dom: str
    console: list[str]


def open_page(page: Path, scratch: Path, screenshot: Path) -> Opened:
    """Opens a file and takes its picture; skips the test where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs chromium (apt-get install chromium), which is not installed")
    command = [chromium, *FLAGS, f"--user-data-dir={scratch}", "--window-size=1300,2600"]
    shot = _run([*command, f"--screenshot={screenshot}", page.as_uri()])
    dump = _run([*command, "--dump-dom", page.as_uri()])
    console = re.findall(r"CONSOLE.*", shot.stderr + dump.stderr)
    return Opened(dump.stdout, console)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=True)
