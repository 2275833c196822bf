# Signalscope. `make run` starts the demo, `make test` tests it, `make check` reads it.
# Works with any make that knows `export` and `define` (GNU make 3.81 and later) and any POSIX shell.

PORT ?= 8000
PYTHON ?=
CHROMIUM ?=
export PORT PYTHON CHROMIUM

VENV = .venv
PY = $(VENV)/bin/python
MANAGE = $(PY) manage.py

define RECENT
import sys
sys.exit(sys.version_info < (3, 11))
endef

define CHECK_PORT
import os, socket, sys
port = os.environ["PORT"]
if not port.isdecimal() or not 0 < int(port) < 65536:
    sys.exit(f"PORT is {port!r}, which is no port number. Choose one from 1024 to 65535: make run PORT=8001")
with socket.socket() as probe:
    # As the server does it: a port whose last connections still fade away counts as free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", int(port)))
    except OSError as error:
        other = 8001 if port == "8000" else 8000
        sys.exit(
            f"Port {port} cannot be opened ({error.strerror}). "
            f"Stop the program that uses it, or choose another: make run PORT={other}"
        )
endef

export RECENT CHECK_PORT

.PHONY: help run test check venv clean transparency matrix

help: ## Say what there is (the default)
	@echo "Signalscope: an oscilloscope for Django signals"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 23
	@echo
	@echo "  PORT=8001 chooses the port, PYTHON=python3.12 the Python that makes .venv (3.11 or newer),"
	@echo "  CHROMIUM=/path/to/chromium the browser of the tests. For transparency: DJANGO=5.2 tests that"
	@echo "  version only, PACKAGES='dispatch signals' these of its tests, ALL=1 all of them, and"
	@echo "  PYTHON_60, PYTHON_61=/path/to/python3.13 name the Pythons of Django 6.0 and 6.1, as for matrix."

run: $(VENV)/run.stamp ## Start the demo on 127.0.0.1:8000, with its data and login
	@$(PY) -c "$$CHECK_PORT"
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) seed_demo >/dev/null
	@printf '\n  Signalscope   http://127.0.0.1:%s/\n  Login         admin / admin\n\n' "$(PORT)"
	@exec $(MANAGE) runserver "127.0.0.1:$(PORT)"

test: $(VENV)/dev.stamp ## Run all tests, those in a real browser included
	@$(PY) -m tests.browser.chromium
	$(PY) -m pytest tests --ignore=tests/browser --numprocesses auto --dist loadfile
	$(PY) -m pytest tests/browser

# Django's own checks run as on a public host: DEBUG off, with a key and a data folder of their own.
check: $(VENV)/dev.stamp ## Lint, format, types, layers, Django's checks, migrations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	@set -e; \
	data=$$(mktemp -d); \
	trap 'rm -rf "$$data"' EXIT; \
	key=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))'); \
	export DJANGO_DEBUG=0 DJANGO_SECRET_KEY="$$key" DJANGO_ALLOWED_HOSTS=example.org DATA_DIR="$$data"; \
	echo "$(MANAGE) check --deploy, as on a public host"; \
	$(MANAGE) check --deploy --fail-level WARNING; \
	echo "$(MANAGE) makemigrations --check"; \
	$(MANAGE) makemigrations --check --dry-run

venv: $(VENV)/dev.stamp ## Make .venv, with everything that the demo and the tests need

clean: ## Remove .venv and what tools left behind; the demo's data stays
	rm -rf $(VENV) staticfiles test-results build dist .coverage
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@old=; bare=; \
	for name in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	  version=$$("$$name" --version 2>/dev/null) || continue; \
	  if ! "$$name" -c "$$RECENT"; then old="$$name is $$version"; continue; fi; \
	  if ! "$$name" -c 'import ensurepip, venv' 2>/dev/null; then bare="$$name"; continue; fi; \
	  echo "Making $(VENV) with $$version ($$name)"; \
	  rm -rf $(VENV); \
	  "$$name" -m venv $(VENV) && exit 0; \
	  rm -rf $(VENV); exit 1; \
	done; \
	if [ -n "$$bare" ]; then \
	  echo "$$bare cannot make virtual environments: its venv module is missing." \
	    "Install it (Debian, Ubuntu: apt-get install $${bare##*/}-venv) and run make again." >&2; \
	else \
	  echo "Signalscope needs Python 3.11 or newer, and none was found ($${old:-$(or $(PYTHON),python3) does not run})." \
	    "Install one, or name it: make run PYTHON=/path/to/python3.12" >&2; \
	fi; \
	exit 1

# A stamp is newer than the requirements it stands for: without a change nothing is installed again.
$(VENV)/run.stamp: requirements.txt | $(PY)
	@$(PY) -c "$$RECENT" || { \
	  echo "The Python in $(VENV) is older than 3.11. Remove that folder (make clean) and run make again." >&2; \
	  exit 1; }
	@echo "Installing requirements.txt (once, about half a minute)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt || { \
	  echo "pip could not install requirements.txt, as said above. Is the network there? Run make again." >&2; \
	  exit 1; }
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	@echo "Installing requirements-dev.txt"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt || { \
	  echo "pip could not install requirements-dev.txt, as said above. Is the network there? Run make again." >&2; \
	  exit 1; }
	@touch $@

# All versions of Django and the short list, unless said otherwise. Only Python itself is needed here.
transparency: | $(PY) ## Run Django's own tests with and without recording, and compare
	@$(PY) -m tests.transparency $(addprefix --version=,$(DJANGO)) $(if $(ALL),--all) \
	  $(if $(PACKAGES),--packages $(PACKAGES))

# A version whose Python is not there is named, as above. TESTS=tests/test_naming.py runs these alone.
matrix: | $(PY) ## Run the unit tests on each supported Django, in build/matrix
	@$(PY) -m tests.matrix $(addprefix --version=,$(DJANGO)) $(TESTS)
