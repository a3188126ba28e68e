"""The command as a user starts it: in a process, with another inside of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from commands import small_model, tyc


def test_exit_code_and_output_come_through(tmp_path):
    model = small_model(tmp_path / "small.onnx")
    answer = tyc("check", model)
    assert answer.code == 0 and answer.out.startswith("small.onnx: all 3 nodes") and not answer.err
    answer = tyc("check", tmp_path / "nope.onnx")
    wanted = "error: nope.onnx: file "
    assert answer.code == 2 and answer.out == "" and answer.err.startswith(wanted)


def test_opt_reads_standard_input():
    text = "module {\n}\n\n"
    done = subprocess.run(
        [sys.executable, "-m", "tyc.tools.tyc", "opt"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m tyc.tools.tyc ops | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == "" and done.stdout.startswith("op ")


def test_a_child_that_ignores_the_interrupt_is_killed():
    program = (
        "import signal, sys, time\nfrom tyc.tools import isolate\n"
        "isolate.PATIENCE_SECONDS = 0.2\n"
        "def work():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    print('ready', flush=True)\n    time.sleep(600)\n    return 0\n"
        "sys.exit(isolate.in_child(work, []))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(20) == 128 + 15


def test_a_terminated_command_leaves_no_process():
    command = [sys.executable, "-m", "tyc.tools.tyc", "opt"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        time.sleep(0.05)
    time.sleep(0.5)
    process.terminate()
    # Standard output ends with the last process that has it open.
    assert process.stdout is not None and b"Traceback" not in process.stdout.read()
    assert process.wait(10) == 128 + 15


def test_help_loads_no_compiler():
    program = (
        "import sys\nfrom tyc.tools import tyc\ntyc.run(['--help'])\n"
        "print(*sorted({m.split('.')[0] for m in sys.modules} & {'mlir', 'onnx', 'llvmlite'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == ""
