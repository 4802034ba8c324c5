# `make help` lists what can be asked for. Everything is installed in .venv; nothing else is touched but the system
# packages that `make test` needs (scripts/system-packages).

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2

# How long the whole suite may take, where the system has `timeout`: several times as long as it does on two slow cores.
# Each test has its own limit (pyproject.toml); this one ends what hangs outside of them.
LIMIT ?= 4h
LIMITED := $(if $(shell command -v timeout),timeout --foreground --signal=INT --kill-after=2m $(LIMIT))

# Each of these must be covered by the tests, lines and branches, to this many per cent.
GATED := rules engines catalogue runs operations
COVERED := 95

tell_version = -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
PYTHON_VERSION := $(shell $(PYTHON) $(tell_version))
VENV_VERSION := $(shell $(BIN)/python $(tell_version))

.PHONY: help serve install test lint types unit format bench screenshots lock sbom system clean
.DEFAULT_GOAL := help

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

serve: .venv/.installed ## install, make the sample vaults, open the dashboard and the service
	@$(BIN)/pwsops sample --with-profile
	@exec $(BIN)/pwsops serve

install: .venv/.installed-test ## install everything for development in .venv

test: system .venv/.installed-test ## install and run the whole suite, with linters, types and coverage
	@$(MAKE) --no-print-directory lint types
	@$(BIN)/coverage erase
	$(LIMITED) $(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --cov --cov-report= --durations 25 tests
	@for part in $(GATED); do \
		echo "Coverage of $$part, lines and branches, at least $(COVERED)%:"; \
		$(BIN)/coverage report --include="pwsops/$$part/*" --fail-under=$(COVERED) || exit 1; \
	done

lint: .venv/.installed-test ## ruff: lint and format, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed-test ## mypy --strict on pwsops
	$(BIN)/mypy --strict

unit: .venv/.installed-test ## the quick tests alone
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile tests/unit

format: .venv/.installed-test ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed-test ## run the benchmarks and write benchmarks/results.md
	$(BIN)/python -m benchmarks

screenshots: .venv/.installed-test ## take the pictures of docs/images in Chromium
	$(BIN)/python scripts/screenshots.py docs/images

lock: .venv-lock/.installed ## write locks/ anew, from pyproject.toml and constraints.txt
	.venv-lock/bin/python scripts/lock.py .venv-lock/bin/uv

sbom: .venv/.installed-test ## write sbom.json: what is installed in .venv, as a CycloneDX bill of materials
	$(BIN)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-file sbom.json

system:
	@scripts/system-packages

clean: ## remove what was installed and built
	rm -rf .venv .venv-lock sbom.json build dist *.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# A .venv of another Python is made anew.
ifneq ($(VENV_VERSION),$(PYTHON_VERSION))
.PHONY: $(BIN)/python
endif

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "$(PYTHON) is not there, or not a Python from 3.11 to 3.13. Name one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing. As root, run: apt-get install python3-venv" >&2; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# Every file that pip downloads has to have a hash of the lock. What builds the package is in the lock as well, so that
# the package itself is installed without an index and without a build environment of its own.
PIP := -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --require-hashes --requirement
ITSELF := $(PIP) --no-index --no-deps --no-build-isolation --editable .

.venv/.installed: $(BIN)/python pyproject.toml locks/run.txt
	@echo "Installing in .venv; the first time this takes a minute or two."
	@$(BIN)/python $(LOCKED) locks/run.txt
	@$(BIN)/python $(ITSELF)
	@touch $@

.venv/.installed-test: .venv/.installed locks/test.txt
	@$(BIN)/python $(LOCKED) locks/test.txt
	@touch $@

# Apart from .venv: what locks is nobody's dependency.
.venv-lock/.installed: locks/lock.txt
	@rm -rf .venv-lock
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python $(LOCKED) locks/lock.txt
	@touch $@
