# `make rehearse` and `make test` each set up everything they need in .venv on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXPERIMENT ?= chaos/terminate-instance.yaml

.PHONY: help rehearse test check format lock
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

rehearse: $(VENV)/run.stamp  ## rehearse an experiment offline (EXPERIMENT=chaos/...)
	$(BIN)/blackstart rehearse $(EXPERIMENT)

test: check  ## every check and every test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not alone"
	$(BIN)/python -m pytest -m alone

check: $(VENV)/dev.stamp  ## format, lint, types, dependency rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## write the format and the fixes that are safe
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--custom-compile-command 'make lock'

lock: $(VENV)/dev.stamp  ## write requirements/*.txt anew from pyproject.toml
	$(LOCK) --upgrade pyproject.toml -o requirements/run.txt
	$(LOCK) --upgrade pyproject.toml --group dev --group build -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) --upgrade --group build -c requirements/dev.txt -o requirements/build.txt

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	touch $@
