# `make demo` and `make test` need Python 3.10 or newer, gcc and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo example test wheel-test lint clean
.DEFAULT_GOAL := help

help:  ## say what there is to make
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "tomo needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed  ## a small survey, a training, scores and pictures: a first look in minutes
	$(BIN)/tomo generate --preset demo --output demo/survey
	$(BIN)/tomo train demo/survey --output demo/unet
	$(BIN)/tomo evaluate demo/unet --output demo/evaluation

example: $(VENV)/installed  ## what docs/example.md says, and its pictures, again
	rm -rf build/example
	$(BIN)/python docs/example.py build/example

lint: $(VENV)/installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/installed lint  ## style, types and the test suite
	$(BIN)/python -m pytest -q

wheel-test: $(VENV)/installed  ## the test suite against the wheel, in an empty environment, from another folder
	rm -rf build && mkdir -p build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --constraint constraints.txt "$$(ls build/wheel/*.whl)[dev]"
	cp -r tests docs *.md CITATION.cff LICENSE pyproject.toml build/wheel/
	cd build/wheel && venv/bin/python -m pytest -q

clean:  ## remove what the others made
	rm -rf $(VENV) build demo
