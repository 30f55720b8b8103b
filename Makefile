# Two commands for a newcomer: `make demo` and `make test`. Each builds what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench fuzz clean

# One stamp for the environment: made again only when pyproject.toml changes.
.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet -e '.[dev]'
# It asks for torchvision, imports it nowhere, and the one of the index does not load beside torch's CPU build.
	$(BIN)/pip install --quiet --no-deps 'kronfluence>=1.0.1,<2'
	touch $@

demo: .venv/.ready ## the whole chain on real music; opens nothing, prints where the report is
	$(BIN)/contrafact --home demo/home demo --out demo

test: .venv/.ready ## every test, on SQLite and PostgreSQL
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/.ready ## style, types, layers
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.ready ## what is measured, each beside the plain library call it stands on
	$(BIN)/python -m benchmarks

fuzz: .venv/.ready ## 20,000 damaged files of every kind: no traceback, hang, crash or wrong share
	$(BIN)/python -m benchmarks.fuzz --inputs 20000 --seed 1

clean:
	rm -rf .venv demo contrafact-home
