#!/bin/bash
# Our generator equals the reference implementation's pcg64 over a million draws.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cxx=${CXX:-c++}
command -v "$cxx" >/dev/null || { echo "no C++ compiler: test_rng holds the constants"; exit 77; }
echo '#include <pcg_random.hpp>' | "$cxx" -std=c++17 -fsyntax-only -x c++ - 2>/dev/null ||
    { echo "no pcg_random.hpp (libpcg-cpp-dev): test_rng holds the constants"; exit 77; }

cat >"$dir/compare.cpp" <<'CPP'
#include <pcg_random.hpp>
#include <cstdio>
extern "C" {
#include "isogloss/rng.h"
}

int main()
{
    const isg_u128 seeds[][2] = {{42, 54}, {0, 0}, {((isg_u128)1 << 127) + 20261121, ~(isg_u128)0 >> 1}};
    for (const auto &seed : seeds) {
        pcg64 reference(seed[0], seed[1]);
        isg_rng ours;
        isg_rng_seed128(&ours, seed[0], seed[1]);
        for (int i = 0; i < 1000000; i++) {
            const unsigned long long wanted = reference(), got = isg_rng_u64(&ours);
            if (got == wanted) continue;
            std::printf("draw %d: got %016llx, wanted %016llx\n", i, got, wanted);
            return 1;
        }
    }
    std::puts("3 streams of 1000000 draws are equal");
}
CPP
"$cxx" -std=c++17 -O2 -I"$ISOGLOSS_SOURCE/include" -c "$dir/compare.cpp" -o "$dir/compare.o" &&
    ${CC:-cc} -std=c17 -O2 -I"$ISOGLOSS_SOURCE/include" -c "$ISOGLOSS_SOURCE/src/base/rng.c" -o "$dir/rng.o" &&
    "$cxx" "$dir/compare.o" "$dir/rng.o" -lm -o "$dir/compare" && "$dir/compare"
