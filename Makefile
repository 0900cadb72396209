# Everything starts from Python 3.11 and pip; `make` alone tells what there is.
# The first interpreter that runs and is new enough; a name on the PATH may be no more than a shim.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
.PHONY: help demo test browser check lint simulate bench pictures mutate coverage dist clean $(VENV)

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/installed: pyproject.toml constraints.txt tools/browser_code.py
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed on the PATH" >&2; exit 2; }
	@echo "installing into $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(BIN)/python tools/browser_code.py
	@touch $@

$(VENV): $(VENV)/installed

demo: $(VENV)/installed ## a real market through the closed circle of the Shanghai Gold Exchange
	@$(BIN)/ringfence demo

lint: $(VENV)/installed ## style, types, the direction of imports, the SQL
	$(BIN)/ruff check src tests tools
	$(BIN)/ruff format --check src tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar src/ringfence

test: lint browser ## everything that must hold, on an embedded server or on RINGFENCE_DATABASE_URL
	$(BIN)/pytest -n 4 --dist worksteal

browser: $(VENV)/installed ## Debian's Chromium for the browser tests, where it is missing and may be installed
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& timeout 240 sh -c 'apt-get -qq update && apt-get -qq install -y chromium fonts-wqy-microhei' >/dev/null 2>&1 \
		|| echo "no Chromium here: the browser tests will be skipped"; }

check: lint ## what to run before every commit: style, types, and the tests that need no database
	$(BIN)/pytest tests/unit tests/tidy

coverage: $(VENV)/installed ## the tests, with what they did not reach
	$(BIN)/pytest --cov --cov-report=term

simulate: $(VENV)/installed ## the model test for longer, with fresh seeds; the closure of thousands of random rings; a market interrupted after every commit
	RINGFENCE_RANDOM_RINGS=4000 $(BIN)/pytest tests/property --hypothesis-profile=long
	RINGFENCE_INTERRUPT_EVERY=1 $(BIN)/pytest tests/database/demo/test_interrupted.py

bench: $(VENV)/installed ## how fast the kernel is here, beside what the same server could do at all (minutes)
	$(BIN)/ringfence bench

pictures: $(VENV)/installed browser ## draw the built-in rings again and take the console's pictures, for the documentation (minutes)
	for language in en zh; do $(BIN)/ringfence ring draw sge --language $$language --output docs/pictures/sge.$$language.svg; done
	for language in en zh; do $(BIN)/ringfence ring compare --language $$language --output docs/pictures/compare.$$language.svg >/dev/null; done
	$(BIN)/python tools/console_pictures.py

mutate: $(VENV)/installed ## take the kernel's safeties out one by one; each must make a test fail (minutes)
	$(BIN)/python tools/mutate.py

dist: $(VENV)/installed ## a wheel, tried by itself in an empty environment
	rm -rf dist
	$(BIN)/python -m build --quiet --wheel --outdir dist .
	$(BIN)/python tools/try_wheel.py dist

clean: ## forget the environment and what was built
	rm -rf $(VENV) dist build
