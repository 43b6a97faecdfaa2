# Two commands to begin with: `make run` and `make test`. They set up what they need themselves.
#   make test ARGS="tests/test_embedded.py -x"    runs some tests only

BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE)

ROUNDS ?= 20
SEED ?= 1
MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench torture torture-hour format lock clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with everything in it; quick when nothing has changed
	@bash scripts/setup

run: setup ## serve on http://127.0.0.1:8000, with a database and a demonstration of its own; Ctrl-C stops it
	@exec $(BIN)/timecredits serve

test: setup ## run every test, on the embedded server or on the one named in TIMECREDITS_TEST_DATABASE_URL
	@exec $(BIN)/pytest $(ARGS)

check: setup ## look for what is wrong without running it: format, lint, types, imports, dependencies, contract, migrations
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/timecredits export-openapi --check
	$(BIN)/pytest -q tests/test_migrations.py

bench: setup ## measure against a bare limit on the same server; ARGS="--quick" is a first look, ARGS="--only redeem" a part
	@exec $(BIN)/python -m benchmarks $(ARGS)

torture: setup ## run the fault tests many times over: make torture ROUNDS=50 SEED=7
	@TIMECREDITS_TORTURE_ROUNDS=$(ROUNDS) TIMECREDITS_TORTURE_SEED=$(SEED) exec $(BIN)/pytest tests/faults $(ARGS)

torture-hour: setup ## serve a mixed load for an hour, with sweeps, restarts and verifications; reports what grows
	@exec $(BIN)/python -m tests.faults.long_run --minutes $(MINUTES) --seed $(SEED) $(ARGS)

format: setup ## put the code in its format, and mend what can be mended
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: setup ## make the locks anew from pyproject.toml; make lock UPGRADE=--upgrade takes the newest of everything
	$(LOCK) --output-file requirements/lock.txt pyproject.toml --extra embedded --group dev --group build
	$(LOCK) --output-file requirements/runtime.txt pyproject.toml --constraint requirements/lock.txt
	$(LOCK) --output-file requirements/build.txt --group build --constraint requirements/lock.txt

clean: ## remove .venv and what tools have made; the data in .timecredits stays
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find src tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +
