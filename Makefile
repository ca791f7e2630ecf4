# Two commands do everything: `make bench` (the main job) and `make test`.
# Both set up .venv the first time and never again until the dependencies change.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup bench nightly test lock

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(READY)  ## Make .venv with every locked dependency (the other targets do it by themselves).

bench: $(READY)  ## Measure file and API ingestion on the embedded data; report and plots under results/.
	$(BIN)/python tools/benchmark_ingest.py file --test-size 1000 --concurrency 1,5,10 --output results/quick_file.json
	$(BIN)/python tools/benchmark_ingest.py api --max-items 500 --concurrency 1,5,10 --output results/quick_api.json

nightly: $(READY)  ## Measure the commits that are new, publish, judge: docs/nightly.md.
	$(BIN)/python tools/nightly.py $(NIGHTLY)

test: $(READY)  ## Check the style and the types, run the tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

lock: $(READY)  ## Write requirements.lock anew, with the newest versions that pyproject.toml allows.
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --upgrade --no-header \
		--no-emit-index-url --no-emit-package stac-manager --output-file requirements.lock pyproject.toml

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found; install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "error: $(PYTHON) cannot make virtual environments; install its venv module (Debian: python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable ".[dev]"
	@touch $@
