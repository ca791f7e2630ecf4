# Two commands do everything: `make bench` (the main job) and `make test`.
# Each installs what it needs into .venv the first time (`make bench` less than `make test`), and again only when the
# dependencies change. Everything installed is locked, with hashes.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Some images set it; then every process would recompile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
MEASURING := $(VENV)/.measuring
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
OLDEST := $(BIN)/uv pip install --quiet --python .venv-oldest/bin/python
# uv takes seconds where pip takes a minute; if uv cannot get through a proxy, pip takes over. The lock pins uv too.
UV := UV_DEFAULT_INDEX=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-https://pypi.org/simple}} \
	$(BIN)/uv pip install --quiet --python $(BIN)/python
define INSTALL
	@sed -n '/^uv==/,/[^\]$$/p' $(1) > $(VENV)/uv.lock
	$(PIP) --require-hashes --requirement $(VENV)/uv.lock
	$(UV) --require-hashes --requirement $(1) || $(PIP) --require-hashes --requirement $(1)
	$(PIP) --no-deps --no-build-isolation --editable .
endef

.DEFAULT_GOAL := help
.PHONY: help setup bench nightly test test-thorough test-oldest lock

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(READY)  ## Make .venv with every locked dependency (other targets do so as needed).

bench: $(MEASURING)  ## Measure file and API ingestion on the embedded data; report and plots under results/.
	$(BIN)/python tools/benchmark_ingest.py file $(BENCH) --test-size 1000 --concurrency 1,5,10 --output results/quick_file.json
	$(BIN)/python tools/benchmark_ingest.py api $(BENCH) --concurrency 1,5,10 --output results/quick_api.json

nightly: $(MEASURING)  ## Measure new commits, publish, judge: docs/nightly.md.
	$(BIN)/python tools/benchmark_ingest.py nightly $(NIGHTLY)

test: $(READY)  ## Check style and types, run the tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST)

test-thorough: $(READY)  ## Run the tests with twenty times as many cases and all combinations.
	$(PYTEST) --hypothesis-profile thorough

# The newest are locked, and so tested everywhere else.
test-oldest: $(READY)  ## Run the package's tests with the oldest dependencies that pyproject.toml allows.
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-oldest
	$(OLDEST) --constraint requirements.lock "$(CURDIR)[test]"
	$(BIN)/uv pip compile --quiet --python .venv-oldest/bin/python --no-deps --only-binary :all: --resolution lowest-direct \
		--extra geoparquet --extra filter --extra remote --extra dask --output-file .venv-oldest/oldest.txt pyproject.toml
	$(OLDEST) --requirement .venv-oldest/oldest.txt
	.venv-oldest/bin/python -m pytest -n auto tests/stac_manager tests/worlds --ignore tests/stac_manager/test_types.py

# One lock for everything, one for what `make bench` needs, one for the environments that asv makes.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-package stac-manager
lock: $(READY)  ## Rewrite the locks with the newest versions that pyproject.toml allows (KEEP=1: only add what is new).
	$(COMPILE) $(if $(KEEP),,--upgrade) --group pyproject.toml:build --extra dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --group pyproject.toml:build --extra bench --constraint requirements.lock --upgrade \
		--output-file requirements-bench.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --upgrade \
		--output-file benchmarks/requirements.lock benchmarks/requirements.txt

$(VENV):
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found; install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "error: $(PYTHON) cannot make virtual environments; install its venv module (Debian: python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(MEASURING): pyproject.toml requirements-bench.lock | $(VENV)
	$(call INSTALL,requirements-bench.lock)
	@touch $@

$(READY): pyproject.toml requirements.lock | $(VENV)
	$(call INSTALL,requirements.lock)
	@touch $(MEASURING) $@
