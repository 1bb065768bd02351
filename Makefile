# Everything here works on a machine with Python 3.11 or newer, make and a package index.
# Another Python:  make run PYTHON=/path/to/python3.12      Newer dependencies:  make lock UPGRADE=--upgrade

# The first of these that is new enough is taken.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input install
UV_PIP := $(BIN)/uv pip install --quiet --python $(BIN)/python --link-mode copy
UV_ITSELF := --quiet --disable-pip-version-check --no-input install --require-hashes --requirement $(VENV)/uv.lock
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --extra embedded --group build $(UPGRADE)

# The tests of the modules whose coverage is measured. Measuring the others, which start servers, doubles their time.
PURE := tests/rules tests/reconcile tests/intake

.DEFAULT_GOAL := help
.PHONY: help run test lint soak breaks overload bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/runtime.stamp ## start everything: store, local Twilio, web and reconciler (127.0.0.1:8080 and :8090)
	@exec $(BIN)/flex-router run

test: $(VENV)/dev.stamp ## run the tests; shows the coverage of the pure modules
	@$(BIN)/pytest -m "not soak" --cov --cov-report=term:skip-covered $(PURE)
	@$(BIN)/pytest -m "not soak" $(addprefix --ignore=,$(PURE))

lint: $(VENV)/dev.stamp ## style, types, import directions, Dockerfile, compose file, scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	bash -n .ci/run
	$(BIN)/flex-router rules check
	$(BIN)/flex-router rules lint
	$(BIN)/flex-router rules test >/dev/null

soak: $(VENV)/dev.stamp ## the tests that take minutes to an hour: kills, stories, storms (SOAK=10000: forty minutes more)
	@$(BIN)/pytest -m soak -n0 -s --timeout 3000

breaks: $(VENV)/dev.stamp ## break every promise in a copy, one line at a time: a named test must notice
	@$(BIN)/python -m tests.breaks

overload: $(VENV)/dev.stamp ## a flood, an outage's backlog, a restart with 10,000 open invites: what becomes of them
	@$(BIN)/python -m tests.overload

bench: $(VENV)/dev.stamp ## measure speed and memory on this machine
	@$(BIN)/python -m tests.bench

lock: $(VENV)/dev.stamp ## write both lock files anew from pyproject.toml
	$(UV_COMPILE) --output-file requirements.lock pyproject.toml
	$(UV_COMPILE) --group dev --constraint requirements.lock --output-file tests/requirements.lock pyproject.toml

clean: ## remove the environment, caches, builds and the data of the embedded store
	rm -rf $(VENV) .data build dist htmlcov .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find service tests config -name __pycache__ -type d -prune -exec rm -rf {} +

# uv installs in 5 s what takes pip 25 s. Where uv cannot be had, or does not know the index that pip is set up
# for, pip does the same work from the same lock (--no-deps: the lock has all, and older ones stumble over extras).
define install
@$(UV_PIP) --require-hashes --requirement $(1) 2>/dev/null \
  || { $(BIN)/python -m ensurepip >/dev/null 2>&1; $(PIP) --no-deps --require-hashes --requirement $(1); }
@$(UV_PIP) --no-deps --no-build-isolation --editable . 2>/dev/null \
  || $(PIP) --no-deps --no-build-isolation --editable .
endef

# A stamp is newer than what it was made from; the test lock holds everything that the other one does.
$(VENV)/runtime.stamp: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked dependencies into $(VENV) ..."
	$(call install,requirements.lock)
	@touch $@

$(VENV)/dev.stamp: tests/requirements.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked dependencies and the test tools into $(VENV) ..."
	$(call install,tests/requirements.lock)
	@touch $(VENV)/runtime.stamp $@

# The Python's own pip, or the one that it carries for virtual environments, is needed once: to fetch uv by its hash.
$(BIN)/python:
	@for python in $(PYTHON); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "Making $(VENV) with $$("$$python" --version) ..."; \
	  "$$python" -m venv --without-pip $(VENV) || { rm -rf $(VENV); exit 1; }; \
	  sed -n '/^uv==/,/# via/p' tests/requirements.lock >$(VENV)/uv.lock; \
	  "$$python" -m pip --python $(BIN)/python $(UV_ITSELF) 2>/dev/null && exit 0; \
	  $(BIN)/python -m ensurepip >/dev/null 2>&1 && { $(BIN)/python -m pip $(UV_ITSELF); exit 0; }; \
	  rm -rf $(VENV); \
	  echo "error: $$python comes without pip (on Debian and Ubuntu: apt install python3-venv)" >&2; \
	  exit 1; \
	done; \
	echo "error: Python 3.11 or newer is needed; tried: $(PYTHON). Name one with: make PYTHON=/path/to/python3" >&2; \
	exit 1
