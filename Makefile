# `make demo` and `make test` do all the set-up they need.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint test-matrix bench extension clean

demo: $(STAMP)
	$(BIN)/hashlight demo --out demo

# The add-on's tests run in a process of their own: Blender and torch don't share one.
test: lint
	$(BIN)/python -m pytest tests --ignore=tests/blender
	$(BIN)/python -m pytest tests/blender

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-matrix: $(STAMP)
	$(BIN)/python scripts/test_matrix.py

# On a machine with an NVIDIA GPU: DATASET=folder make bench
DATASET ?= data/lego
bench: $(STAMP)
	$(BIN)/python benchmarks/measure.py $(DATASET)
	$(BIN)/python benchmarks/make_tables.py

extension: $(STAMP)
	$(BIN)/python scripts/build_extension.py

$(STAMP): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[engine,blender,dev]'
	touch $@

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache
