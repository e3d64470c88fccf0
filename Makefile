# make demo   separate a bundled mixture and train a violin separator, in minutes
# make test   everything that must hold: lint, types, import rules, tests
# make lint   the fast part of it

PYTHON ?= python3.11
BIN := .venv/bin
CLI := $(BIN)/python cli.py

.PHONY: demo test lint format clean

demo: .venv/core.stamp
	rm -rf out/demo runs/demo
	$(CLI) list
	$(CLI) separate data/starter/demo/mixture.flac -i all -o out/demo
	$(CLI) evaluate data/starter/demo
	$(CLI) train --plugin violin --max-minutes 1 --out runs/demo
	$(CLI) separate data/starter/demo/mixture.flac -i violin \
	    --checkpoint runs/demo/best.safetensors -o out/demo/trained-here

test: lint
	$(BIN)/python -m pytest -n 2

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/core.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

.venv/dev.stamp: .venv/core.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf .venv out runs
