#!/bin/bash
# Configuring says what is missing and what to do: serial HDF5 with MPI, and a build inside the tree.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
expect() { # text wanted in the message, then cmake's arguments; configuring must fail
    local text=$1
    shift
    if cmake -DISOGLOSS_TESTS=OFF "$@" >"$dir/out" 2>&1; then
        echo "cmake $* was accepted"
        bad=$((bad + 1))
    elif ! tr -s ' \n' ' ' <"$dir/out" | grep -qF -e "$text"; then
        echo "cmake $* does not say '$text':"
        cat "$dir/out"
        bad=$((bad + 1))
    fi
}

serial=$(command -v h5cc || true)
if [ -n "$serial" ]; then
    expect "libhdf5-openmpi-dev" -S "$ISOGLOSS_SOURCE" -B "$dir/a" \
        "-DHDF5_C_COMPILER_EXECUTABLE=$serial" -DISOGLOSS_MPI=ON
    expect "-DISOGLOSS_MPI=OFF" -S "$ISOGLOSS_SOURCE" -B "$dir/b" \
        "-DHDF5_C_COMPILER_EXECUTABLE=$serial" -DISOGLOSS_MPI=ON
fi

# A copy without git's files: the check must come before anything is written.
mkdir "$dir/tree"
cp -r "$ISOGLOSS_SOURCE"/{CMakeLists.txt,cmake,src,include} "$dir/tree"
expect "cmake -B build" -S "$dir/tree" -B "$dir/tree"

[ "$bad" = 0 ] || exit 1
[ -n "$serial" ] || { echo "no serial HDF5 (h5cc): its refusal is not tried"; exit 77; }
echo "configuring refuses with the remedy"
