# kvmlab: `make lab` to learn, `make test` to check. `make help` lists the rest.
#
# PYTHON=/path/to/python3  another Python than the distribution's (3.11 or newer)
# COURSE=folder            another folder than ~/kvmlab-course for your notebooks
# PYTEST_ARGS=...          what pytest is told, such as "-m 'not vm' -x"

PYTHON ?= /usr/bin/python3
VENV ?= .venv
BIN = $(VENV)/bin
# tests that may not be skipped once the set-up is done
KVMLAB_REQUIRE ?= host vm notebook

# `sudo make lab` runs as the person who typed it: a lab needs no root.
ifeq ($(shell id -u),0)
ifneq ($(filter-out root,$(SUDO_USER)),)
AS_LEARNER = sudo --set-home --user=$(SUDO_USER) PYTHON=$(PYTHON) --
endif
endif

export PYTHON
.DEFAULT_GOAL = help

.PHONY: help lab test setup image jupyter edit notebooks lint format wheel undo clean

help: ## list what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

lab: setup image jupyter ## set up what is missing and open JupyterLab at the first notebook

setup: ## set up this machine and the virtual environment, without starting anything
	@$(AS_LEARNER) scripts/setup
	@$(AS_LEARNER) scripts/venv $(VENV)

image: setup ## build the guest image, if it is not there yet
	@$(AS_LEARNER) $(BIN)/kvmlab image build

jupyter: setup image
	@$(AS_LEARNER) $(BIN)/kvmlab jupyter $(COURSE)

edit: setup image ## open the notebooks of this checkout itself, for authors
	@$(AS_LEARNER) $(BIN)/jupyter lab notebooks

notebooks: setup image ## run the notebooks of this checkout and store their outputs, for authors
	$(AS_LEARNER) $(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	    --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	@# readers need not know where the author lives
	$(AS_LEARNER) sh -c 'sed -i "s|$$HOME/|/home/you/|g" notebooks/*.ipynb'

test: ## set up what is missing and run all tests that this machine allows
	@$(AS_LEARNER) scripts/setup --test
	@$(AS_LEARNER) scripts/venv $(VENV) dev
	@$(AS_LEARNER) $(BIN)/kvmlab image build
	$(AS_LEARNER) env KVMLAB_REQUIRE="$(KVMLAB_REQUIRE)" $(BIN)/python -m pytest \
	    --numprocesses=auto --dist=loadscope $(PYTEST_ARGS)

lint: ## run only the checks of format, style, types, layers and sizes
	@$(AS_LEARNER) scripts/venv $(VENV) dev
	$(AS_LEARNER) $(BIN)/python -m pytest tests/test_linters.py tests/test_layers.py tests/test_size.py

format: ## format code and notebooks
	@$(AS_LEARNER) scripts/venv $(VENV) dev
	$(AS_LEARNER) $(BIN)/ruff format kvmlab tests notebooks
	$(AS_LEARNER) $(BIN)/ruff check --fix kvmlab tests notebooks

wheel: ## build the wheel, with notebooks and exercises in it
	@$(AS_LEARNER) scripts/venv $(VENV) dev
	$(AS_LEARNER) $(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

undo: ## take back the settings that the set-up made on this machine
	@$(AS_LEARNER) scripts/setup --undo

clean: ## remove the virtual environment and everything built here
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
