# ruff: noqa: F821
# Configures lit, which test_lit.py runs. `config` and `lit_config` come from lit.
import os
import sys
from importlib.util import find_spec

import lit.formats

HERE = os.path.dirname(os.path.abspath(__file__))
LLVM = os.path.join(next(iter(find_spec("llvm").submodule_search_locations)), "bin")

config.name = "tyc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = HERE
config.test_exec_root = lit_config.params.get(
    "exec_root", os.path.join(HERE, "..", "..", "build", "lit")
)

# `not`, `count` and `split-file` stand beside FileCheck. Children find the shared cache.
config.environment["PATH"] = os.pathsep.join([LLVM, os.environ.get("PATH", "")])
for name in ("TYC_CACHE_DIR", "HOME", "PYTHONPATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.environment["NO_COLOR"] = "1"

# In this order: what stands first may use what comes later. lit's own %s and %t come last.
config.substitutions = [
    ("%roundtrip", "%tyc opt %s | %tyc opt | %FileCheck %s"),
    ("%tyc", f"{sys.executable} -m tyc.tools.tyc"),
    ("%FileCheck", os.path.join(LLVM, "FileCheck") + " --dump-input-filter=error"),
]
