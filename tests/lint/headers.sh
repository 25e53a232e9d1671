#!/bin/bash
# Every header compiles alone, twice in one file, and has a guard named after itself.
set -u
cd "$ISOGLOSS_SOURCE" || exit 1
cc=${CC:-cc}
read -r -a libraries <<<"$(pkg-config --cflags jansson yaml-0.1 gsl)"
flags=(-std=c17 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Iinclude -Isrc -Wall -Wextra -Werror
    -fsyntax-only "${libraries[@]}" -x c)
# The store's private headers speak HDF5, wherever the build found it.
read -r -a hdf5 <<<"$(sed -nE '/"command".*\/store\/h5\.c/p' "$ISOGLOSS_BUILD/compile_commands.json" |
    grep -oE -- '-isystem [^ ]+' | tr '\n' ' ')"
bad=0
n=0
for header in include/isogloss/*.h $(find src -name '*.h' | sort); do
    n=$((n + 1))
    extra=()
    [[ $header == src/store/* ]] && extra=("${hdf5[@]}")
    printf '#include "%s"\n#include "%s"\nint alone;\n' "$PWD/$header" "$PWD/$header" |
        "$cc" "${flags[@]}" -I"$(dirname "$header")" "${extra[@]}" - ||
        { echo "$header does not stand alone" && bad=$((bad + 1)); }
    name=$(basename "$header" .h | tr 'a-z-' 'A-Z_')
    grep -qE "^#ifndef ISO?G[A-Z0-9_]*_${name}_H$" "$header" ||
        { echo "$header: no include guard named after it (..._${name}_H)" && bad=$((bad + 1)); }
done
echo "$n headers, $bad bad"
[ "$bad" = 0 ] && [ "$n" -gt 10 ]
