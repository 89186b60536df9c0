# The everyday commands. Everything is built by meson and ninja; this file only calls them.
#
#   make            build/millwright            make demo     see it work, in a minute
#   make check      unit tests, in seconds      make test     every test, with the real clients
#   make debug      build-debug/, sanitizers    make fuzz     hunt, FUZZ_SECONDS=60 a target
#   make bench      figures against the peers   make install  honours DESTDIR and PREFIX
#   make deps       install what a build needs  make help     this list

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
FUZZ_SECONDS ?= 60
MESON ?= $(shell tools/find-meson.sh)
SANITIZE = -Db_sanitize=address,undefined -Dbuildtype=debug

.DEFAULT_GOAL := build
.PHONY: build deps demo check test debug fuzz bench install format clean help

build: deps $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

# -O2 with symbols: the kernels choose their own level, and a crash report without symbols is no report.
$(BUILD)/build.ninja:
	@tools/find-meson.sh >/dev/null
	@$$(tools/find-meson.sh) setup $(BUILD) --prefix=$(PREFIX) >/dev/null && echo "configured $(BUILD)"

deps:
	@tools/install-deps.sh build

demo: build
	@$(BUILD)/millwright demo $(if $(filter once,$(DEMO)),--once)

check: deps
	@tools/install-deps.sh check
	@tools/run-tests.sh check

test: deps
	@tools/run-tests.sh all

debug: deps
	@[ -f build-debug/build.ninja ] || $$(tools/find-meson.sh) setup build-debug $(SANITIZE) >/dev/null
	@ninja -C build-debug --quiet && echo "built build-debug/millwright"

fuzz: deps
	@tools/install-deps.sh fuzz
	@tools/run-fuzz.sh $(FUZZ_SECONDS)

bench: build
	@tools/install-deps.sh bench
	@bench/run.sh

install: build
	@$$(tools/find-meson.sh) configure $(BUILD) -Dprefix=$(PREFIX) >/dev/null
	@DESTDIR=$(DESTDIR) $$(tools/find-meson.sh) install -C $(BUILD) --quiet
	@echo "installed under $(DESTDIR)$(PREFIX)"

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build build-debug build-fuzz

help:
	@sed -n '3,7s/^# *//p' Makefile
