# `make demo` and `make test` do all the set-up they need.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests run two parts at a time, each part's output in one piece, unless the command line says otherwise. The long
# attacks say for an hour how they go on.
ifeq ($(filter -j% --jobs%,$(MAKEFLAGS))$(filter test-faults,$(MAKECMDGOALS)),)
MAKEFLAGS += --jobs=2 --output-sync=target
endif

# Hundreds of processes import the same modules, which need not be compiled in each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-engine test-service test-addon test-faults lint test-gui gui-blender test-gui-1/2 test-gui-2/2 \
	test-matrix bench extension clean

demo: $(STAMP)
	$(BIN)/hashlight demo --out demo

# Side by side, each in a process of its own: Blender and torch don't share one, and the tests that start engines wait
# for them much of the time.
SERVICE_TESTS := tests/engine/service tests/engine/plugin tests/faults tests/benchmarks tests/scripts

test: lint test-addon test-engine test-service

test-engine: $(STAMP)
	$(BIN)/python -m pytest tests $(addprefix --ignore=,tests/blender $(SERVICE_TESTS))

test-service: $(STAMP)
	$(BIN)/python -m pytest $(SERVICE_TESTS)

test-addon: $(STAMP)
	$(BIN)/python -m pytest tests/blender

# Long attacks: kills, mutated messages, simulated nights. It ends with what all of them did and what was lost.
test-faults: $(STAMP)
	$(BIN)/python -m tests.faults

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-matrix: $(STAMP)
	$(BIN)/python scripts/test_matrix.py

# In two Blenders side by side: each waits for its screen and its engine much of the time.
test-gui: test-gui-1/2 test-gui-2/2

test-gui-1/2 test-gui-2/2: test-gui-%: $(STAMP) gui-blender
	$(BIN)/python scripts/test_gui.py --part $*

# Before both parts of the window tests: one makes the folder that the other would use.
gui-blender:
	$(PYTHON) scripts/gui_blender.py

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
