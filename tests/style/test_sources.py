"""Our sources are as we say they are: short, clean, typed, layered, with examples that run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tyc.tools.dev import check, constraints, doctests, project, size


@pytest.mark.parametrize("name", [name for name in check.CHECKS if name != "doctests"])
def test_check_finds_nothing(name: str) -> None:
    findings = check.CHECKS[name]()
    if findings:
        shown = "\n".join(findings)
        pytest.fail(f"{len(findings)} findings; `make check` shows them\n{shown}", pytrace=False)


@pytest.mark.parametrize(
    "module",
    [name for name, path in project.modules_on_disk().items() if ">>>" in path.read_text()],
)
def test_examples_in_docstrings_run(module: str) -> None:
    _, report = doctests.run_module(module)
    assert not report, report


def test_every_package_says_what_it_is() -> None:
    modules = project.modules_on_disk()
    silent = [
        name
        for name in project.packages_on_disk()
        if not modules[name].read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert not silent, f"no docstring that says what comes in and what goes out: {silent}"


def test_size_sees_a_long_function_and_a_long_line(tmp_path: Path) -> None:
    long = tmp_path / "long.py"
    long.write_text("def f():\n" + "    x = 1\n" * 40 + "y = " + "1" * 100 + "\n")
    found = size.findings([long])
    assert any("f has 41 lines" in line for line in found)
    assert any("line of 104 columns" in line for line in found)


def test_size_does_not_count_a_docstring(tmp_path: Path) -> None:
    explained = tmp_path / "explained.py"
    explained.write_text(
        'def f():\n    """A fact.\n' + "    more\n" * 60 + '    """\n    return 1\n'
    )
    assert not size.findings([explained])


def test_size_counts_c_functions(tmp_path: Path) -> None:
    long = tmp_path / "long.c"
    long.write_text("int declared(int x);\n\nint f(int x) {\n" + "  x++;\n" * 40 + "}\n")
    assert [line.split(": ")[1] for line in size.findings([long])] == ["f has 42 lines, at most 40"]


def test_constraints_sees_an_id_that_is_only_stated_and_one_only_checked(tmp_path: Path) -> None:
    family = tmp_path / "family.py"
    family.write_text(
        'class StatedOp:\n    """(C1) x is even."""\n\n'
        "class CheckedOp:\n    def infer(x):\n        if x:  # C2\n            raise ValueError\n\n"
        'class HelpedOp:\n    """(C3) x is odd."""\n    def infer(x):\n        _odd(x)\n\n'
        "def _odd(x):\n    if x:  # C3\n        raise ValueError\n"
    )
    found = constraints.findings(tmp_path)
    assert len(found) == 2
    assert "StatedOp states (C1)" in found[0]
    assert "CheckedOp has `# C2`" in found[1]
