# Everything happens in .venv; a fresh Debian needs python3, python3-venv and make.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# `make test ARGS=tests/e2e` runs a part of the tests, and then no coverage is asked for.
ARGS ?=
# So many tests run side by side.
JOBS ?= $(shell nproc)
BENCH_ARGS ?=
# For how long `make fuzz` and `make fuzz-native` look.
SECONDS ?= 60

# `make install` as root: where to, and what; WHEEL is one of `make dist`, built here or elsewhere.
PREFIX ?= /opt/rrdns
DESTDIR ?=
WHEEL ?= .
INSTALLED = $(DESTDIR)$(PREFIX)/.venv
LOCAL = $(DESTDIR)/usr/local

# What the extensions are built of; where one changes they are built anew.
NATIVE := $(wildcard rrdns/_*.pyx rrdns/*/_*.p[yx][xd] rrdns/*/*/*.px[di])

# Floors 0 to 2 do no I/O, so nothing excuses a branch of theirs that no test takes.
PURE := rrdns/errors.py,rrdns/model.py,rrdns/names.py,rrdns/rrtypes.py,rrdns/settings.py
PURE := $(PURE),rrdns/targets.py,rrdns/config/*,rrdns/dns/*,rrdns/health/state.py
PURE := $(PURE),rrdns/health/steps.py,rrdns/health/certificates.py
PURE := $(PURE),rrdns/health/agenda.py,rrdns/health/events.py,rrdns/health/lateness.py
PURE := $(PURE),rrdns/health/tally.py,rrdns/health/watched.py
PURE := $(PURE),rrdns/health/select.py,rrdns/health/smtp.py,rrdns/health/overrides.py,rrdns/table/*,rrdns/domain*.py

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench bench-failover fuzz fuzz-native fmt docs dist install

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## install rrdns and its development tools into .venv

$(STAMP): pyproject.toml setup.py $(NATIVE)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/rrdns --version
	@touch $@

run: setup ## start the demo: DNS on 127.0.0.1:5300, HTTP on 127.0.0.1:9353
	@$(BIN)/rrdns demo

test: setup ## run all tests, and ask floors 0 to 2 for complete coverage by branches
ifneq ($(ARGS),)
	$(BIN)/pytest $(ARGS)
else
	$(BIN)/coverage erase
	$(BIN)/pytest --numprocesses=$(JOBS) --dist=loadfile --cov=rrdns --cov-branch --cov-report=
	$(BIN)/coverage report --include='$(PURE)' --show-missing --skip-covered --fail-under=100
endif

check: setup ## lint, formatting, types, the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --quiet tests/test_floors.py
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run; fi

bench: setup ## measure rrdns beside other servers: bench/results.md and a chart
	$(BIN)/python -m bench $(BENCH_ARGS)

bench-failover: setup ## let nodes fail and return, and watch rrdns, gdnsd and PowerDNS
	$(BIN)/python -m bench.failover $(BENCH_ARGS)

fuzz: setup ## look for inputs that break an invariant, for SECONDS=60
	-$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fuzz]'
	PYTHONPATH=.:tests $(BIN)/python -m fuzz $(SECONDS)

fuzz-native: setup ## the compiled executor under sanitizers, for SECONDS=60
	PYTHONPATH=.:tests $(BIN)/python -m fuzz.native $(SECONDS)

fmt: setup ## format the code and mend what the linter can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: setup ## write the man pages and the parts of docs/ that come from the code
	PYTHONPATH=tests $(BIN)/python -m support.transitions
	PYTHONPATH=tests $(BIN)/python -m support.manual

dist: setup ## build the sdist and, from it, the wheel into dist/
	$(BIN)/python -m build --no-isolation

install: ## install into PREFIX=/opt/rrdns, with units, man pages, an example; DESTDIR=, WHEEL=
	$(PYTHON) -m venv $(INSTALLED)
	$(INSTALLED)/bin/python -m pip install --disable-pip-version-check $(WHEEL)
	@# With a DESTDIR it will stand elsewhere than where it was made.
	find $(INSTALLED)/bin $(INSTALLED)/pyvenv.cfg -type f \
	  -exec sed -i 's|$(DESTDIR)$(PREFIX)|$(PREFIX)|g' {} +
	install -d $(DESTDIR)/etc/rrdns $(DESTDIR)/etc/systemd/system $(LOCAL)/bin
	ln -sfn $(PREFIX)/.venv/bin/rrdns $(LOCAL)/bin/rrdns
	install -D -m 644 man/rrdns.1 $(LOCAL)/share/man/man1/rrdns.1
	install -D -m 644 man/rrdns.yaml.5 $(LOCAL)/share/man/man5/rrdns.yaml.5
	sed 's|/opt/rrdns|$(PREFIX)|g' systemd/rrdns.service >$(DESTDIR)/etc/systemd/system/rrdns.service
	install -m 644 systemd/rrdns.socket $(DESTDIR)/etc/systemd/system
	test -e $(DESTDIR)/etc/rrdns/rrdns.yaml \
	  || install -m 644 config/delegated-names.yaml $(DESTDIR)/etc/rrdns/rrdns.yaml
