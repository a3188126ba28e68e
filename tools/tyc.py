"""The command `tyc`: the table of its subcommands, its exit codes, its way to say an error.

In: a command line. Out: 0 on success, 2 for the user's fault, 3 for ours, with one `error: ...`
line on standard error. A subcommand's module is imported when it is asked for, so that help is
quick; what may crash inside of MLIR runs in a child process (`isolate.py`).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from tyc.runtime.errors import InternalError, TycError, UserError
from tyc.tools import isolate

COMMANDS: dict[str, str] = {
    "compile": "tyc compile resnet18.onnx -o resnet18.so",
    "run": "tyc run resnet18.so --input images=cat.npy --output results",
    "bench": "tyc bench resnet18.onnx --against onnxruntime --threads 1,2",
    "profile": "tyc profile resnet18.onnx --threads 1 --html profile.html",
    "check": "tyc check model.onnx --shape images=1x3x224x224",
    "inspect": "tyc inspect resnet18.so",
    "size": "tyc size resnet18.so --html size.html",
    "opt": "tyc opt program.mlir --passes=canonicalize,cse",
    "ops": "tyc ops --markdown",
    "targets": "tyc targets",
    "tune": "tyc tune resnet18.onnx -o resnet18.tuned --seconds 600",
    "memory": "tyc memory resnet50 --batch 8 --budgets 50%,30%",
    "diff": "tyc diff model.onnx --shape images=1x3x224x224",
}
"""Every subcommand, with the example that its help shows."""

EXIT_USER, EXIT_INTERNAL = 2, 3

_ISOLATED = (
    "compile",
    "run",
    "bench",
    "profile",
    "check",
    "inspect",
    "opt",
    "tune",
    "memory",
    "diff",
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"tyc {version('tyc')}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Compiles deep-learning models to small native libraries."""


def application(names: Sequence[str]) -> typer.Typer:
    """The command line with the named subcommands."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    for name in names:
        module = import_module(f"tyc.tools.{name}")
        app.command(name, epilog=f"Example: {COMMANDS[name]}")(getattr(module, f"{name}_command"))
    return app


def run(arguments: Sequence[str]) -> int:
    """Runs a command line in this process; its exit code."""
    asked = next((a for a in arguments if not a.startswith("-")), None)
    names = [asked] if asked in COMMANDS else list(COMMANDS)
    app = application(names)
    try:
        result = app(list(arguments) or ["--help"], prog_name="tyc", standalone_mode=False)
    except typer.TyperException as error:
        command = f"tyc {asked}" if asked in COMMANDS else "tyc"
        message = error.format_message().rstrip(".")
        return fail(UserError(message[:1].lower() + message[1:], hint=f"see {command} --help"))
    except TycError as error:
        return fail(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`tyc ops | head`) has what it wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return fail(unexpected(error, arguments))
    return result if isinstance(result, int) else 0


def unexpected(error: Exception, arguments: Sequence[str]) -> InternalError:
    """What a user sees of an exception that nobody foresaw; keeps how to make it again."""
    text = "".join(traceback.format_exception(error))
    path = isolate.keep_report(f"command: tyc {' '.join(arguments)}\n{text}")
    made = InternalError(
        f"unexpected {type(error).__name__}: {error}",
        hint=f"this is a defect of tyc; the report is kept in {path}",
    )
    made.__cause__ = error
    return made


def fail(error: TycError) -> int:
    """Prints an error; the exit code of its class."""
    if os.environ.get("TYC_DEBUG") == "1":
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr)
    return EXIT_USER if isinstance(error, UserError) else EXIT_INTERNAL


def main() -> None:
    """The entrance of the `tyc` script."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in _ISOLATED and "--help" not in arguments:
        sys.exit(isolate.in_child(lambda: run(arguments), arguments))
    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
