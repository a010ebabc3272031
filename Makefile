# Needs make and Python 3.11 or newer; everything else it fetches itself, once.
#   make run PORT=8502 FOLDER=elsewhere     make test PYTEST_ARGS='-k promote'
#   make test PYTEST_ARGS=--full             all matrices and corpora, of which else a fixed sample runs

# The oldest supported version first: constraints.txt was resolved and is tested with it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := -m pip install --quiet --disable-pip-version-check
# Only files whose hash is written down. Nothing is fetched for a build either: what builds was installed that way too.
LOCKED := $(PIP) --require-hashes --no-build-isolation --requirement
LOCKS  := demo server test setup lock sbom fuzz
PORT   ?= 8501
FOLDER ?= model_registry_demo
WORKERS ?= 4
PYTEST_ARGS ?=
FUZZ_ARGS ?=
# A file is one process's, so that what its tests share is made once; the longest files come first (tests/conftest.py).
BY_FILE := --dist loadfile --no-loadscope-reorder
# Two test processes for each of two cores, since tests with a browser mostly wait; what each computes takes one thread.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# What `make check` runs: the rules (without their simulations), the catalog on SQLite, the actions everything rests on,
# the style guide and the rules of the house. `make check PYTEST_ARGS=--collect-only` prints the tests.
QUICK  := tests/rules tests/catalog tests/actions/test_configure.py tests/actions/test_promotion.py tests/actions/test_read.py \
	tests/test_cli_options.py tests/test_words.py tests/test_house.py
SIMULATIONS := tests/rules/test_coverage.py tests/rules/live/test_live_statistics.py tests/rules/live/test_routing.py \
	tests/rules/live/test_split.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test pytest check lint offline fuzz screenshots bench lock sbom clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/installed-demo  ## Fill a demo registry and open its dashboard (PORT=8501 FOLDER=model_registry_demo)
	@exec $(BIN)/model-registry demo "$(FOLDER)" --port $(PORT)

test: $(VENV)/installed-test  ## Check style and types, and run every test
	@sh tests/setup/browser.sh
	@sh tests/setup/postgres.sh
	@sh tests/setup/openmp.sh
	@$(MAKE) --no-print-directory --jobs 2 --keep-going lint pytest

# Beside style and types, which take one processor for a quarter of a minute.
pytest: $(VENV)/installed-test
	@TMPDIR=$$(sh tests/setup/memory.sh) $(ONE_THREAD) PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) $(BY_FILE) $(PYTEST_ARGS)

check: $(VENV)/installed-test lint  ## The loop while you write: style, types, and the quick tests (no browser, no server)
	@echo "Quick tests: $(QUICK)"
	@$(ONE_THREAD) $(BIN)/python -m pytest --quiet -n $(WORKERS) --dist worksteal -m "not browser and not postgres and not slow" \
		$(addprefix --ignore=,$(SIMULATIONS)) $(QUICK) $(PYTEST_ARGS)

lint: $(VENV)/installed-test  ## Check formatting (ruff), lint (ruff) and types (pyrefly)
	@$(BIN)/ruff format --check . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/pyrefly check

offline: $(VENV)/installed-test  ## Run the browser tests where no packet can leave, and count those that try
	@sh tests/setup/browser.sh
	@$(BIN)/python -m tests.offline

fuzz: $(VENV)/installed-test $(VENV)-fuzz/installed  ## Send anything to every route of the HTTP API; lint its document; generate a client
	@$(ONE_THREAD) $(BIN)/python -m tests.fuzz $(VENV)-fuzz $(FUZZ_ARGS)

screenshots: $(VENV)/installed-test  ## Take a picture of every page, light and dark, wide and narrow
	@sh tests/setup/browser.sh
	@$(BIN)/python docs/take_screenshots.py

bench: $(VENV)/installed-test $(VENV)-mlflow/installed  ## Measure beside MLflow and beside the machine's limits
	@sh tests/setup/postgres.sh
	@$(BIN)/python -m benchmarks --mlflow-python $(VENV)-mlflow/bin/python

lock: $(VENV)-lock/installed  ## Write the exact versions and hashes of all that is installed into requirements/
	@for name in $(LOCKS); do \
		case $$name in demo|server|test) what="--extra $$name pyproject.toml";; *) what="--group pyproject.toml:$$name";; esac; \
		$(VENV)-lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-header \
			--no-annotate --no-emit-index-url --constraint constraints.txt $$what --output-file requirements/$$name.txt || exit 1; \
	done

sbom: $(VENV)-demo/installed $(VENV)-sbom/installed  ## Write what `make run` installs into build/sbom.json (CycloneDX)
	@mkdir -p build
	@$(VENV)-sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-file build/sbom.json $(VENV)-demo/bin/python
	@$(VENV)-demo/bin/python docs/write_licenses.py build/sbom.json docs/licenses.md
	@echo "Written: build/sbom.json and docs/licenses.md"

clean:  ## Remove environments, caches and builds; registries stay
	rm -rf $(VENV) $(VENV)-mlflow $(VENV)-lock $(VENV)-sbom $(VENV)-demo $(VENV)-fuzz build dist .pytest_cache .ruff_cache .hypothesis tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written when all went well, so an interrupted installation starts over and a finished one is not repeated.
$(VENV)/made: requirements/setup.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found. Install one (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python $(LOCKED) requirements/setup.txt
	@touch $@

$(VENV)/installed-%: $(VENV)/made pyproject.toml requirements/%.txt
	@echo "Installing into $(VENV) (once, a minute or two) ..."
	@$(BIN)/python $(LOCKED) requirements/$*.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# For whoever maintains this: each lock in an environment of its own.
$(VENV)-%/installed: requirements/setup.txt requirements/%.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)-$*
	@$(VENV)-$*/bin/python $(LOCKED) requirements/setup.txt
	@$(VENV)-$*/bin/python $(LOCKED) requirements/$*.txt
	@touch $@

# MLflow pins libraries of its own, so it gets its own environment, with the core beside it.
$(VENV)-mlflow/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found."; exit 1; }
	@echo "Installing MLflow into $(VENV)-mlflow (once, a minute or two) ..."
	@$(PYTHON) -m venv --clear $(VENV)-mlflow
	@$(VENV)-mlflow/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[mlflow]'
	@touch $@
