# `make demo` and `make test` need Python 3.10 or newer, gcc and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint clean

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "tomo needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/tomo generate --preset demo --output demo/survey
	$(BIN)/tomo train demo/survey --optimizer adam --output demo/adam
	$(BIN)/tomo train demo/survey --optimizer sqgn --output demo/sqgn
	$(BIN)/tomo evaluate demo/adam demo/sqgn --output demo/evaluation

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/installed lint
	$(BIN)/python -m pytest -q

clean:
	rm -rf $(VENV) demo
