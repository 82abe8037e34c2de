#!/bin/sh
# Compile vec_math_check.cpp at an instruction level (avx512, avx2, base) and run it.
# Usage: tests/cpu/check_vec_math.sh LEVEL [SAMPLES [FUNCTION]]
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
case $1 in
  avx512) flags="-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mbmi2 -mprefer-vector-width=512" ;;
  avx2) flags="-mavx2 -mfma -mf16c -mbmi2" ;;
  base) flags="-msse2" ;;
  *) echo "LEVEL is avx512, avx2 or base" >&2; exit 2 ;;
esac
out=${TMPDIR:-/tmp}/vec_math_check_$1
${CXX:-g++} -std=c++20 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra $flags \
  -DRL_ISA_NS=isa_$1 -I"$root/csrc" "$root/tests/cpu/vec_math_check.cpp" -o "$out" $EXTRA
shift
exec "$out" "$@"
