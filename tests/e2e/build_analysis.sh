#!/bin/bash
# Without MPI the analysis tool builds on serial HDF5, starts, and links no MPI library.
# Unoptimised, which takes a third of the time: the other builds have seen the same files optimised.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v h5cc >/dev/null || { echo "no serial HDF5 (h5cc, libhdf5-dev)"; exit 77; }

cmake -S "$ISOGLOSS_SOURCE" -B "$dir/build" -G Ninja -DISOGLOSS_MPI=OFF -DISOGLOSS_TESTS=OFF \
    -DISOGLOSS_WERROR=ON -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS_DEBUG=-O0 >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
grep -q "parallel: FALSE" "$dir/log" || { echo "did not take serial HDF5:"; cat "$dir/log"; exit 1; }
cmake --build "$dir/build" -j 2 >"$dir/log" 2>&1 || { tail -n 40 "$dir/log"; exit 1; }

bin=$dir/build/bin/isogloss
"$bin" --version
"$bin" --help >/dev/null
if ldd "$bin" | grep -E 'libmpi|libhdf5_openmpi'; then
    echo "the analysis tool links MPI"
    exit 1
fi
for helper in isogloss-train isogloss-guard; do
    if ldd "$dir/build/bin/$helper" | grep -E 'libmpi|libhdf5'; then
        echo "$helper links MPI or HDF5"
        exit 1
    fi
done
