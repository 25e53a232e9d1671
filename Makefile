# Thin wrapper over the CMake presets. `make demo` and `make test` work on a bare Debian 12.
#
#   make demo        set up, build, prepare real text, train, fit: reads exponents with intervals
#   make test        set up, build, run every test but the long ones (tests/run)
#   make test-long   the long ones          make test-asan   under the sanitizers
#   make bench       speeds as text         make install     PREFIX=/usr/local DESTDIR=
#   make format      clang-format           make clean
#
# PRESET=ci (warnings are errors), clang, debug, asan, analysis; ISOGLOSS_SETUP=no: no apt.

PRESET ?= default
PREFIX ?= /usr/local
BUILD := $(if $(filter default,$(PRESET)),build,build-$(PRESET))

.PHONY: all build demo test test-long test-asan bench install format clean

all: build

# Configures once; the build itself notices changed CMake files.
build:
	@scripts/setup build
	@test -f $(BUILD)/CMakeCache.txt || cmake --preset $(PRESET)
	@cmake --build $(BUILD)

demo:
	@scripts/demo

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory build PRESET=$(PRESET)
	@tests/run $(BUILD) -LE long

test-long:
	@scripts/setup test
	@$(MAKE) --no-print-directory build PRESET=$(PRESET)
	@tests/run $(BUILD) -L long

test-asan:
	@scripts/setup test
	@$(MAKE) --no-print-directory build PRESET=asan
	@tests/run build-asan -L 'unit|contract|mpi' -LE long

bench:
	@scripts/setup bench
	@$(MAKE) --no-print-directory build PRESET=$(PRESET)
	@cmake --build $(BUILD) --target bench_programs
	@bench/bench.sh $(BUILD)

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

format:
	@scripts/setup format
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

clean:
	@rm -rf build build-*
