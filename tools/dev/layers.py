"""Imports go down only: `python -m tyc.tools.dev.layers`.

    tools  >  frontend (tyc.*)  >  compiler  >  dialects | runtime

In: the modules on the disk. Out: contracts for import-linter, made afresh at each run, so that a
new module of the frontend is held to its layer from its first line on.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tyc.tools.dev import links, project

# Packages that the runtime must do without: a deployed model has NumPy at most.
HEAVY = ["mlir", "onnx", "llvmlite", "ziglang"]


def frontend_modules() -> list[str]:
    """What stands directly below `tyc` in `frontend/`, as import names."""
    lower = set(project.package_folders())
    names = {".".join(name.split(".")[:2]) for name in project.modules_on_disk()}
    return sorted(names - lower)


def contracts() -> list[dict[str, object]]:
    """The contracts, as import-linter's tables."""
    frontend = frontend_modules()
    ours = [*frontend, "tyc.tools", "tyc.compiler"]
    return [
        {
            "name": "imports go down: tools > frontend > compiler > dialects | runtime",
            "type": "layers",
            "layers": [
                "tyc.tools",
                " : ".join(frontend),
                "tyc.compiler",
                "tyc.dialects | tyc.runtime",
            ],
            # All layers raise the same two errors, so these live in the lowest.
            "ignore_imports": ["tyc.dialects.** -> tyc.runtime.errors"],
            "unmatched_ignore_imports_alerting": "none",
        },
        _forbid("the runtime imports nothing of ours", ["tyc.runtime"], [*ours, "tyc.dialects"]),
        _forbid("the runtime imports no compiler's package", ["tyc.runtime"], HEAVY),
        _forbid("planning imports no MLIR", ["tyc.compiler.planning"], ["mlir"]),
    ]


def _forbid(name: str, sources: list[str], targets: list[str]) -> dict[str, object]:
    return {
        "name": name,
        "type": "forbidden",
        "source_modules": sources,
        "forbidden_modules": targets,
    }


def configuration() -> str:
    """import-linter's configuration file, as TOML."""
    lines = [
        "[tool.importlinter]",
        'root_package = "tyc"',
        "include_external_packages = true",
        "exclude_type_checking_imports = true",
    ]
    for contract in contracts():
        lines.append("[[tool.importlinter.contracts]]")
        lines += [f"{key} = {_toml(value)}" for key, value in contract.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"'


def check() -> tuple[bool, str]:
    """Whether all imports go down, and import-linter's account of it."""
    tree = links.make_tree()
    config = project.ROOT / "build" / "importlinter.toml"
    config.write_text(configuration())
    program = "from importlinter.cli import lint_imports_command as run; run()"
    run = subprocess.run(
        [sys.executable, "-c", program, "--config", str(config), "--no-cache"],
        cwd=project.ROOT / "build",
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    return run.returncode == 0, run.stdout + run.stderr


def main() -> int:
    """Prints import-linter's account; the exit status says whether a contract is broken."""
    kept, text = check()
    print(text)
    return not kept


if __name__ == "__main__":
    sys.exit(main())
