"""Types hold: `python -m tyc.tools.dev.type_errors` runs pyright over the tree of links.

In: our sources, as package `tyc` in `build/tree`. Out: pyright's errors, with the files' real
names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tyc.tools.dev import links, project


def findings() -> list[str]:
    """Type errors as `file:line: message`; empty when all is well."""
    # pyright follows a link that it is given, and none that it finds: so each is given.
    entries = [str(entry) for entry in sorted((links.make_tree() / "tyc").iterdir())]
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run([*command, *entries], cwd=project.ROOT, capture_output=True, text=True)
    try:
        report = json.loads(run.stdout)
    except json.JSONDecodeError:
        return [f"pyright did not run: {run.stdout}{run.stderr}"]
    if not report["summary"]["filesAnalyzed"]:
        return ["pyright found no file to check"]
    errors = [entry for entry in report["generalDiagnostics"] if entry["severity"] == "error"]
    errors.sort(key=lambda entry: (entry["file"], entry["range"]["start"]["line"]))
    return [_line(entry) for entry in errors]


def _line(entry: dict) -> str:
    file = project.shown(Path(entry["file"]).resolve())
    rule = entry.get("rule", "syntax")
    message = " ".join(entry["message"].split())
    return f"{file}:{entry['range']['start']['line'] + 1}: {message} ({rule})"


def main() -> int:
    """Prints the errors; the exit status says whether there are any."""
    found = findings()
    print("\n".join(found) if found else "types: no error")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
