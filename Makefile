# One-word commands. Everything runs in .venv, which is made when first needed.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types contracts fix bench docs lock clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/dev.stamp ## make .venv with glowrank and everything that the tests need

demo: .venv/core.stamp ## run the main job on the built-in shop (core packages only)
	@$(BIN)/glowrank experiment run.name=demo

test: .venv/dev.stamp ## run the quick tests
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not slow"

check: lint types contracts ## run lint, types, import contracts and all tests, slow ones included
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal

lint: .venv/dev.stamp
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: .venv/dev.stamp
	@$(BIN)/mypy

contracts: .venv/dev.stamp
	@$(BIN)/lint-imports

fix: .venv/dev.stamp ## mend what ruff can mend, and format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: .venv/dev.stamp ## measure seconds and memory by stage, into benchmarks/results/
	@$(BIN)/python -m benchmarks.run

docs: .venv/dev.stamp ## check that the documentation is true: links, paths, commands, the tree
	@$(BIN)/pytest -q tests/readme tests/architecture

lock: ## pin the dependencies anew, with hashes (UPGRADE=--upgrade takes newer versions)
	@locker=$$(mktemp -d) && trap 'rm -rf "$$locker"' EXIT && \
	$(PYTHON) -m venv "$$locker" && "$$locker/bin/pip" --disable-pip-version-check install -qq uv && \
	compile() { "$$locker/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE) "$$@" pyproject.toml; } && \
	compile --extra build -o requirements.lock && \
	compile --extra build --extra dev -c requirements.lock -o requirements-dev.lock

clean: ## remove .venv and all caches; runs in var/runs stay
	rm -rf .venv var/cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks \
	  .import_linter_cache .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else \
	  f"Glowrank needs Python 3.11, 3.12 or 3.13. Got {v[0]}.{v[1]}; name another one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv

.venv/core.stamp: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing the core packages from requirements.lock (about 300 MB, a minute) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/core.stamp
	@echo "Installing the development packages from requirements-dev.lock ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
