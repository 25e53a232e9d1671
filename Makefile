# Thin wrapper over the CMake presets. `make demo` and `make test` work on a bare Debian 12.
BUILD ?= build

.PHONY: test
test:
	cmake -S . -B $(BUILD) -G Ninja >/dev/null && ninja -C $(BUILD) && ctest --test-dir $(BUILD) --output-on-failure -LE long
