# Needs make and Python 3.11 or newer; everything else it fetches itself, once.
#   make run PORT=8502 FOLDER=elsewhere     make test PYTEST_ARGS='-k promote'

# The oldest supported version first: constraints.txt was resolved and is tested with it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PORT   ?= 8501
FOLDER ?= model_registry_demo
WORKERS ?= 2
PYTEST_ARGS ?=
# What the type checker reads, as far as it is there.
TYPED  := $(sort $(dir $(wildcard $(addsuffix /*.py,registry_core dashboard pages tests benchmarks))))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint screenshots bench clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/installed-demo  ## Fill a demo registry and open its dashboard (PORT=8501 FOLDER=model_registry_demo)
	@exec $(BIN)/model-registry demo "$(FOLDER)" --port $(PORT)

test: $(VENV)/installed-test  ## Check style and types, then run every test
	@sh tests/setup/browser.sh
	@sh tests/setup/postgres.sh
	@sh tests/setup/openmp.sh
	@$(MAKE) --no-print-directory lint
	@TMPDIR=$$(sh tests/setup/memory.sh) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/installed-test  ## Check formatting (ruff), lint (ruff) and types (mypy)
	@$(BIN)/ruff format --check . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(TYPED)

screenshots: $(VENV)/installed-test  ## Take a picture of every page, light and dark, wide and narrow
	@sh tests/setup/browser.sh
	@$(BIN)/python docs/take_screenshots.py

bench: $(VENV)/installed-test $(VENV)-mlflow/installed  ## Measure beside MLflow and beside the machine's limits
	@sh tests/setup/postgres.sh
	@$(BIN)/python -m benchmarks --mlflow-python $(VENV)-mlflow/bin/python

clean:  ## Remove environments, caches and builds; registries stay
	rm -rf $(VENV) $(VENV)-mlflow build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written when all went well, so an interrupted installation starts over and a finished one is not repeated.
$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found. Install one (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/installed-%: $(VENV)/made pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (once, a minute or two) ..."
	@$(PIP) --constraint constraints.txt --editable '.[$*]'
	@touch $@

# MLflow pins libraries of its own, so it gets its own environment, with the core beside it.
$(VENV)-mlflow/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found."; exit 1; }
	@echo "Installing MLflow into $(VENV)-mlflow (once, a minute or two) ..."
	@$(PYTHON) -m venv --clear $(VENV)-mlflow
	@$(VENV)-mlflow/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[mlflow]'
	@touch $@
