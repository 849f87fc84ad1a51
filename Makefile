# `make demo` and `make test` do everything on a fresh machine with Python 3.11 and make.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
ARGS ?=
WORKERS ?= auto
BENCHES := bench-relay bench-capture bench-recording_sessions bench-new_sessions bench-search bench-play bench-pages bench-law bench-rehearse bench-parse
PEERS := sip-tester baresip-core baresip-ffmpeg sox libsox-fmt-all espeak-ng chromium kamailio kamailio-tls-modules rtpengine-daemon libbcg729-0 libvo-amrwbenc0
CONSOLE := $(wildcard console/*.json console/*.mjs console/*.sh) requirements-node.lock $(shell find console/src console/style -type f)

.PHONY: console demo test fuzz torture lossy mutants check bench bench-sessions $(BENCHES) prompts docs install install-dev install-peers format clean

demo: $(STAMPS)/run $(STAMPS)/console
	@$(BIN)/overt demo $(ARGS)

# First what needs only a processor, on all of them; then whole houses, two at once; last what may have nothing beside it
# (tests/conftest.py).
test: $(STAMPS)/dev $(STAMPS)/console $(STAMPS)/peers/.made install-peers
	$(BIN)/python -m pytest -m "not alone and not house" -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(BIN)/python -m pytest -m house -n 2 --dist worksteal --cov --cov-append --cov-report=
	$(BIN)/python -m pytest -m alone --cov --cov-append --cov-report=term:skip-covered
	$(BIN)/coverage report --include='*/overt/domain/*,*/overt/wire/*,*/overt/vault/*,*/overt/ledger/*' --fail-under=100 --skip-covered

# Every small change of the law and of consent must make a test fail (docs/mutants.md): too slow to be part of `test`.
mutants: $(STAMPS)/mutmut/.made
	@$(STAMPS)/mutmut/bin/python tools/mutants.py $(ARGS)

# Everything that reads what strangers send, under atheris, for so many seconds altogether (docs/fuzzing.md).
BUDGET ?= 3600
fuzz: $(STAMPS)/fuzz/.made
	@$(STAMPS)/fuzz/bin/python tests/fuzz/drive.py run --budget $(BUDGET) $(ARGS)

# Half-open dialogs by the thousand, and floods, against a running Overt: twenty minutes. `make test` does sixty.
torture: $(STAMPS)/dev $(STAMPS)/peers/.made install-peers
	OVERT_TORTURE=10000 $(BIN)/python -m pytest tests/journeys/test_journey_torture.py

# sipp with a tenth of all messages lost, against us and against its own server (docs/performance.md).
lossy: $(STAMPS)/dev install-peers
	$(BIN)/python tests/journeys/sipp_lossy.py $(ARGS)

check: $(STAMPS)/dev $(STAMPS)/console
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/ruff check src tests tools bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	@PYTHON=$(PYTHON) console/with-node.sh npm --prefix console run --silent check
	$(MAKE) docs
	$(MAKE) test
	$(MAKE) fuzz BUDGET=50

# One after the other, each with the machine to itself. ARGS=--write puts the tables and pictures into docs/.
bench: $(STAMPS)/run
	@for one in $(BENCHES); do $(MAKE) --no-print-directory $$one || exit 1; done
	@$(if $(findstring --write,$(ARGS)),$(BIN)/python bench/pictures.py)

bench-parse: $(STAMPS)/bench/.made
bench-sessions: bench-recording_sessions

$(BENCHES): bench-%: $(STAMPS)/run
	$(BIN)/python bench/$*.py $(ARGS)

# Audio is committed; run this only when a text changes. espeak-ng comes from Debian, hibari-tts as a wheel.
prompts:
	$(PYTHON) -m venv .stamps/prompts-venv
	.stamps/prompts-venv/bin/pip install --quiet hibari-tts soxr numpy
	PATH="$(CURDIR)/.stamps/prompts-venv/bin:$$PATH" .stamps/prompts-venv/bin/python tools/render_prompts.py

docs: $(STAMPS)/run
	$(BIN)/python tools/check_docs.py

format: $(STAMPS)/dev
	$(BIN)/ruff format src tests tools bench
	$(BIN)/ruff check --fix src tests tools bench

install: $(STAMPS)/run $(STAMPS)/console
install-dev: $(STAMPS)/dev $(STAMPS)/console
console: $(STAMPS)/console

# The programs that the journeys call: installed when we may (root on Debian), else the tests say what is missing.
install-peers:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! (command -v sipp && command -v baresip && command -v sox && command -v chromium && command -v kamailio && command -v rtpengine) >/dev/null; then \
		apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PEERS) >&2; fi

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) >&2

$(STAMPS)/run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@mkdir -p $(STAMPS)
	@[ -e $(STAMPS)/dev ] || $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

$(STAMPS)/dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@mkdir -p $(STAMPS)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@ $(STAMPS)/run

# mutmut in a place of its own, which sees the packages of the tests.
$(STAMPS)/mutmut/.made: requirements-mutants.lock | $(STAMPS)/dev
	@$(PYTHON) -m venv --clear $(@D) >&2
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-mutants.lock >&2
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/overt-tests.pth"
	@touch $@

# atheris in a place of its own, which sees Overt and its packages.
$(STAMPS)/fuzz/.made: requirements-fuzz.lock | $(STAMPS)/dev
	@$(PYTHON) -m venv --clear $(@D) >&2
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-fuzz.lock >&2
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib")); print("$(CURDIR)/src")' > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/overt.pth"
	@touch $@

# Programs of others that the journeys call (sipral, PJSIP, sipvicious; jambonz' own code under Node), in a place of their own.
$(STAMPS)/peers/.made: requirements-peers.lock tests/journeys/node/package-lock.json
	@$(PYTHON) -m venv --clear $(@D) >&2
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-peers.lock >&2
	@cp -r tests/journeys/node $(@D)/node
	@PYTHON=$(PYTHON) console/with-node.sh npm --prefix $(@D)/node ci --silent --ignore-scripts >&2
	@touch $@

# What others wrote, to measure ours against: in a place of its own.
$(STAMPS)/bench/.made: requirements-bench.lock
	@$(PYTHON) -m venv --clear $(@D) >&2
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.lock >&2
	@touch $@

# The console's browser files, with this machine's Node or one from a wheel; none of them is ever committed.
$(STAMPS)/console: $(CONSOLE)
	@mkdir -p $(STAMPS)
	@PYTHON=$(PYTHON) console/with-node.sh npm --prefix console ci --silent --ignore-scripts >&2
	@PYTHON=$(PYTHON) console/with-node.sh node console/build.mjs >&2
	@touch $@

clean:
	rm -rf $(VENV) $(STAMPS) console/node_modules src/overt/faces/console/static
