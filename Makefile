# Every target sets up what it needs on a bare Debian 12 / Python 3.11 machine. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Two processes of tests: tests/conftest.py says what stays together.
PARALLEL ?= -n 2 --dist loadgroup --no-loadscope-reorder
export OMP_WAIT_POLICY ?= PASSIVE
# An image that sets it would have every process of a test or of Ray compile torch anew: 4 CPU seconds each.
unexport PYTHONDONTWRITEBYTECODE
export RAY_AUTH_MODE ?= disabled
export RAY_USAGE_STATS_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-all lint bench serve release clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 18

demo: $(VENV)/.run  ## the whole way on this machine: catalog, training, 1,000 images, evaluation, HTTP (about 7 minutes)
	@$(BIN)/ganray demo

test: test-setup  ## lint, types and the tests: about half an hour from a fresh clone, on two slow cores
	@$(MAKE) --no-print-directory -j2 lint test-without-ray
	@$(MAKE) --no-print-directory test-ray

test-fast: test-setup  ## lint, types and every test that needs no Ray (about half of these minutes)
	@$(MAKE) --no-print-directory -j2 lint test-without-ray

test-all: test-setup  ## `test`, and the long forms of what it runs a short form of (an hour)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest --long --durations=10

.PHONY: test-setup test-without-ray test-ray
test-setup:  # the packages of Python and of Debian side by side
	@$(MAKE) --no-print-directory -j2 $(VENV)/.dev s3-server

test-without-ray: $(VENV)/.dev
	@$(BIN)/python -m pytest $(PARALLEL) -m "not ray" --durations=5

# In one process and alone: beside other tests a run on Ray takes three times as long, and Ray's own HTTP calls begin to fail.
test-ray: $(VENV)/.dev
	@$(BIN)/python -m pytest -m ray --durations=10

lint: $(VENV)/.dev  ## ruff and the strict type checker
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.run  ## every benchmark against its bare baseline
	@$(BIN)/ganray benchmark all

serve: $(VENV)/.run  ## serve the demo's model on http://127.0.0.1:8000
	@$(BIN)/ganray serve --model out/demo/model

release: $(VENV)/.dev  ## wheel, sdist, SBOM, licence list and checksums of the last commit, in out/release
	@rm -rf out/release
	@$(BIN)/python cluster/release.py --out out/release

clean:  ## remove what the targets made (not .venv)
	rm -rf out build .pytest_cache .mypy_cache .ruff_cache *.egg-info

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install python3, or set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv >/dev/null; \
	    $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; \
	  else echo "Python's venv is missing: install python3-venv (Debian)"; exit 1; fi; }

# The pip of Debian 12 looks at every release of every package: it takes three times as long as a new one. Bytecode is written by the
# first process that imports a module: half of what is installed is never imported.
PIP_INSTALL = $(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing ganray into $(VENV) (about a minute the first time) ..."
	@$(PIP_INSTALL) --upgrade pip
	@$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing ganray and its tools into $(VENV) (about a minute the first time) ..."
	@$(PIP_INSTALL) --upgrade pip
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/.run $@

# A real S3-compatible store (Ceph RGW) and a real Prometheus for the integration tests, which starts no service of its own; a compiler for
# the CUDA device that is not there (tests/gpu); a browser for the studio's page. Without root these tests are skipped, with the reason.
S3_PACKAGES := radosgw ceph-mon ceph-osd libimage-exiftool-perl prometheus iproute2 g++ chromium
.PHONY: s3-server
s3-server: | $(VENV)/bin/python  # which may have asked apt-get for something itself
	@if ! command -v radosgw >/dev/null || ! command -v exiftool >/dev/null || ! command -v promtool >/dev/null || ! command -v ip >/dev/null || ! command -v g++ >/dev/null || ! command -v chromium >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing $(S3_PACKAGES) for the tests ..."; \
	    had=$$(command -v prometheus); \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(S3_PACKAGES) >/dev/null; \
	    [ -n "$$had" ] || systemctl disable --quiet --now prometheus 2>/dev/null || true; \
	  else echo "Tests of the store, of alerts, of hosts, of GPUs and of the studio will be skipped: install $(S3_PACKAGES) (Debian) to run them"; fi; fi
