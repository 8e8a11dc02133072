# make demo    the whole job on a practice gallery, offline: pictures, themes, a GAN for each, a report
# make test    the whole test suite
# make check   ruff, mypy and the layers
# make bench   the benchmarks
# make docs    the reference of the verbs, from their help
# make clean   remove what these made here
#
# Everything is installed into .venv from constraints.txt; a second call installs nothing.
# PYTHON=… names an interpreter to make it with, ARGS=… adds to the call: make test ARGS="-k storage"
# The tests run in two processes: JOBS=0 for one.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check bench docs clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
PYTHON ?=
ARGS ?=
JOBS ?= 2
PICTURES ?= ../shared/data
SCRATCH ?= /tmp/wunderkammer-bench

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

demo: $(VENV)/.product $(VENV)/.models
	@$(BIN)/pipeline demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.models
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

# `make bench-demo` runs one. Real pictures for real_corpus: PICTURES=DIR.
BENCHMARKS := $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[a-z]*.py))
OPTIONS_demo = --root $(SCRATCH)/demo
OPTIONS_real_corpus = --root $(SCRATCH)/real --pictures $(PICTURES)

bench: $(addprefix bench-,$(if $(wildcard $(PICTURES)),$(BENCHMARKS),$(filter-out real_corpus,$(BENCHMARKS))))

bench-%: $(VENV)/.dev $(VENV)/.models
	$(BIN)/python benchmarks/$*.py $(OPTIONS_$*) $(ARGS)

docs: $(VENV)/.product
	$(BIN)/python docs/make_verbs.py

clean:
	rm -rf $(VENV) wunderkammer-demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The first of these that is Python 3.11 or 3.12: a name may be there and yet start nothing.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.11 python3.12 python3); do \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || continue; \
	    echo "making $(VENV) with $$($$python --version)"; \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)."; \
	    exit 1; \
	done; \
	echo "No Python 3.11 or 3.12 was found: install one, or name it, as in: make demo PYTHON=/path/to/python3.11"; \
	exit 1

$(VENV)/.product: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing the pinned packages into $(VENV) (about 2 GB, some minutes)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing the pinned packages into $(VENV), with those for tests (about 2.3 GB, some minutes)"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.product

$(VENV)/.models: pipeline/models.py
	@$(BIN)/pipeline models fetch
	@touch $@
