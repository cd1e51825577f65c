# SPDX-License-Identifier: GPL-2.0-only
#
# make demo    fetch Linux, convert it, build one image, boot it at every page size
# make test    the tests; they build and boot kernels
# make test-full  all of them, two at a time: a guest has work for one core
# Each sets up what it needs: packages with apt, .venv from requirements.lock.

PYTHON	?= python3
BIN	:= .venv/bin
STAMP	:= .venv/.installed

.PHONY: demo test test-full test-unit lint bench setup tools test-tools

demo: tools
	$(BIN)/anypage demo

test: test-tools
	$(BIN)/pytest

test-full: setup
	@$(BIN)/anypage doctor --install --quiet --tests --compilers
	$(BIN)/pytest -m "" --numprocesses 2 --maxschedchunk 1

test-unit: test-tools
	$(BIN)/pytest -m "not slow"

lint: setup
	$(BIN)/ruff check src tests bench scripts
	$(BIN)/ruff format --check src tests bench scripts
	$(BIN)/mypy

bench: tools
	$(BIN)/python bench/convert.py
	$(BIN)/python bench/audit.py

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml scripts/setup
	scripts/setup $(PYTHON)
	touch $@

tools: setup
	@$(BIN)/anypage doctor --install --quiet

test-tools: setup
	@$(BIN)/anypage doctor --install --quiet --tests
