# The everyday commands. Everything is built by meson and ninja; this file only calls them.
#
#   make            build/millwright            make demo     see it work, in a minute
#   make check      unit tests, in seconds      make test     every test, with the real clients
#   make debug      build-debug/, sanitizers    make fuzz     hunt, FUZZ_SECONDS=60 a target
#   make soak       clients of every kind for an hour, SOAK_SECONDS=3600
#   make bench      figures against the peers   make bench-trees  the same of the tree engines
#   make bench-record  the record beside MLflow's own server
#   make bench-watch   drift, sketches, detectors, odd rows beside theirs; delays and false alarms
#   make install    honours DESTDIR and PREFIX
#   make deps       install what a build needs  make help     this list
#   make UI=off     without the dashboard, for which Node and npm are needed; UI=on: with it
#   make format     clang-format every C file   make clean    remove the build folders
#
# A first build installs what is missing (apt; sudo only when you are not root). DEMO=once lets the
# demo end by itself.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 3600
MESON = "$$(tools/find-meson.sh)"

.DEFAULT_GOAL := build
.PHONY: build deps demo check test debug fuzz soak bench bench-trees bench-watch bench-record \
	install format clean help

build: $(BUILD)/build.ninja
	@$(if $(UI),$(MESON) configure $(BUILD) -Dpages=$(if $(filter off,$(UI)),disabled,enabled))
	@ninja -C $(BUILD)

# meson's debugoptimized: -O2 with symbols. The kernels ask for -O3 themselves, so a plain release
# would gain nothing measurable, and a crash report without symbols is no report.
$(BUILD)/build.ninja:
	@UI=$(UI) tools/install-deps.sh build
	@$(MESON) setup $(BUILD) --prefix=$(PREFIX)

build-debug/build.ninja:
	@tools/install-deps.sh build
	@$(MESON) setup build-debug -Db_sanitize=address,undefined -Dbuildtype=debug

deps:
	@tools/install-deps.sh build

demo: $(BUILD)/build.ninja
	@ninja -C $(BUILD) millwright
	@$(BUILD)/millwright demo $(if $(filter once,$(DEMO)),--once)

check:
	@tools/install-deps.sh check
	@$(MAKE) --no-print-directory build
	@tools/run_tests.py check

# Clients are fetched and made beside the build: they wait for the network, it for processors. Where
# that fails, run_tests.py tries once more, and says so.
test:
	@tools/install-deps.sh test
	@{ tools/python-env.sh .venv-test tests/requirements.txt; TOOL_SECONDS=120 tools/go-tools.sh; } & \
	    clients=$$!; $(MAKE) --no-print-directory build; built=$$?; wait $$clients; exit $$built
	@tools/run_tests.py all

debug: build-debug/build.ninja
	@ninja -C build-debug

fuzz:
	@tools/install-deps.sh fuzz
	@tools/run_fuzz.py --seconds $(FUZZ_SECONDS)

soak:
	@tools/install-deps.sh test
	@$(MAKE) --no-print-directory build
	@tools/python-env.sh .venv-test tests/requirements.txt
	@SOAK_SECONDS=$(SOAK_SECONDS) MW_BINARY=$(BUILD)/millwright \
	    .venv-test/bin/python -m pytest -q -s -p no:cacheprovider tests/wire/test_soak.py

bench: build
	@ninja -C build bench/http_floor bench/hiccup
	@tools/install-deps.sh bench
	@tools/python-env.sh .venv-bench bench/requirements.txt
	@.venv-bench/bin/python bench/run.py

bench-trees: build
	@tools/install-deps.sh bench
	@PIP_IGNORE_REQUIRES_PYTHON=1 PIP_ONLY_BINARY=:all: \
	    tools/python-env.sh .venv-bench-trees bench/trees_requirements.txt
	@.venv-bench-trees/bin/python bench/trees.py
	@.venv-bench-trees/bin/python bench/explain.py

bench-watch: build
	@ninja -C build bench/sketch bench/anomaly bench/detect_watch
	@tools/install-deps.sh bench
	@tools/python-env.sh .venv-bench-watch bench/watch_requirements.txt
	@.venv-bench-watch/bin/python bench/watch.py $(if $(wildcard ../shared/data),--data ../shared/data)
	@.venv-bench-watch/bin/python bench/detect.py

bench-record: build
	@tools/install-deps.sh bench
	@tools/python-env.sh .venv-bench bench/requirements.txt
	@.venv-bench/bin/python bench/record.py

# Another PREFIX than the one configured is taken over; DESTDIR stands before it.
install: build
	@$(MESON) configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD) --quiet
	@echo "installed under $(DESTDIR)$(PREFIX)"

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build build-debug build-fuzz build-thread

help:
	@sed -n '3,12s/^# *//p' Makefile
