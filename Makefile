# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
SPEC ?= sweeps/quickstart.yaml
STORAGE ?= runs
PORT ?= 5000
DATA ?= data
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Tests at once: those of `make test` compute, one thread each; those of integration wait as well.
PROCESSES ?= $(shell echo $$(($(CORES) < 4 ? $(CORES) : 4)))
PYTEST := $(BIN)/python -m pytest
TOGETHER := --numprocesses $(PROCESSES) --dist loadfile

.NOTPARALLEL: # tests and documents take all cores, one after the other
.PHONY: help demo test test-quick test-slow test-integration test-long coverage bench peers check docs lint ui constraints clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

demo: .venv/installed ## Install and run the main job: a Pareto front on real digits
	$(BIN)/python -m orchestrator.sweep $(SPEC) --storage '$(STORAGE)'

ui: .venv/installed ## Open the MLflow UI on what was run (PORT=5000)
	uri="$$($(BIN)/python -m orchestrator.tracking '$(STORAGE)')" && \
	  $(BIN)/mlflow ui --backend-store-uri "$$uri" --host 127.0.0.1 --port $(PORT)

test: test-quick test-slow ## Run the tests, quick ones first (12 minutes at most)

test-quick: .venv/installed ## Run the quick tests alone (2 minutes)
	$(PYTEST) -m "not slow and not integration and not long" $(TOGETHER)

test-slow: .venv/installed ## Run the slow tests alone (10 minutes)
	$(PYTEST) -m "slow and not integration and not long" $(TOGETHER)

test-integration: .venv/installed ## Run the tests against real servers, faults and clusters (20 minutes)
	$(PYTEST) tests/test_readme.py tests/integration -m "integration and not long" \
	  --numprocesses $$(($(PROCESSES) + 1)) --dist loadfile --no-loadscope-reorder

coverage: .venv/installed ## Say what the quick and slow tests reach, room by room (half an hour)
	$(PYTEST) -m "not integration and not long" $(TOGETHER) --cov --cov-report=json:coverage.json
	$(BIN)/python -m tests.workshop.reached coverage.json --missing

test-long: .venv/installed ## Run what is rare and takes long, by hand
	$(PYTEST) -m long -s

bench: .venv/installed ## Measure speed beside bounds and peers (half an hour; DATA=folder, JSON=file)
	$(BIN)/python -m tests.bench.speed --peers $(if $(wildcard $(DATA)),--data $(DATA)) $(if $(JSON),--json $(JSON))

peers: .venv/installed ## Ask other attack libraries again and print the tables (DATA=folder; an hour)
	$(BIN)/python -m tests.peers.remake --data $(DATA)
	$(BIN)/python -m tests.peers.tables --data $(DATA)

docs: .venv/docs ## Build the documentation as a site of plain files (site/index.html)
	$(BIN)/python -m tests.workshop.site site

# Tests of FILE: those of its own name where it lies, else all that lie there.
ITS_TESTS = $(or $(wildcard tests/$(dir $(FILE))test_$(notdir $(FILE))),$(wildcard tests/$(dir $(FILE))test_*.py))

check: .venv/installed ## Check one module's style, types and quick tests (FILE=orchestrator/plan/plan.py)
	@test -f '$(FILE)' || { echo "FILE must be a module, such as orchestrator/plan/plan.py, got '$(FILE)'" >&2; exit 2; }
	$(BIN)/ruff check '$(FILE)' $(ITS_TESTS)
	$(BIN)/ruff format --check '$(FILE)' $(ITS_TESTS)
	$(BIN)/mypy
	$(if $(ITS_TESTS),$(PYTEST) -m "not slow and not integration and not long" $(ITS_TESTS))

lint: .venv/installed ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[test,dev]'
	@touch $@

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

# By files, not by a pipe, in which a command that failed would pass for one that found nothing.
constraints: .venv/docs ## Write constraints.txt from what is installed now
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > constraints.new
	sed -E -i.old 's/ @ .*//; s/\+cpu$$//' constraints.new
	sort -f -o constraints.new constraints.new
	sed -n '/^#/p' constraints.txt > constraints.tmp
	cat constraints.new >> constraints.tmp
	mv constraints.tmp constraints.txt
	rm constraints.new constraints.new.old

clean: ## Remove the environment and caches; results under runs/ stay
	rm -rf .venv .peers .coverage* coverage.json .pytest_cache .mypy_cache .ruff_cache .hypothesis build site *.egg-info
