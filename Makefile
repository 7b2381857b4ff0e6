# `make demo` and `make test` do all the set-up they need.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-engine test-addon test-faults lint test-gui test-gui-1/2 test-gui-2/2 test-matrix bench extension clean

demo: $(STAMP)
	$(BIN)/hashlight demo --out demo

# The add-on's tests run in a process of their own, beside the others: Blender and torch don't share one.
test: lint
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-engine test-addon

test-engine: $(STAMP)
	$(BIN)/python -m pytest tests --ignore=tests/blender

test-addon: $(STAMP)
	$(BIN)/python -m pytest tests/blender

# Long attacks: kills, mutated messages, simulated nights. Each part ends with what it did and what was lost.
test-faults: $(STAMP)
	$(BIN)/python -m pytest tests --ignore=tests/blender -m faults --timeout 3600
	$(BIN)/python -m pytest tests/blender -m faults --timeout 3600

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-matrix: $(STAMP)
	$(BIN)/python scripts/test_matrix.py

# In two Blenders side by side: each waits for its screen and its engine much of the time.
test-gui: $(STAMP)
	$(MAKE) --no-print-directory --jobs=2 --keep-going test-gui-1/2 test-gui-2/2

test-gui-1/2 test-gui-2/2: test-gui-%: $(STAMP)
	$(BIN)/python scripts/test_gui.py --part $*

# A dataset with a test split, on a machine with nothing else to do: make bench DATASET=folder
DATASET ?= data/lego
bench: $(STAMP)
	$(BIN)/python -m benchmarks.quality $(DATASET) --seeds 3
	$(BIN)/python -m benchmarks.stages $(DATASET)
	$(BIN)/python -m benchmarks.serving $(DATASET)
	$(BIN)/python -m benchmarks.startup $(DATASET)
	$(BIN)/python -m benchmarks.stability $(DATASET)
	$(BIN)/python -m benchmarks.make_tables

extension: $(STAMP)
	$(BIN)/python scripts/build_extension.py

$(STAMP): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[engine,blender,dev]'
	touch $@

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache
