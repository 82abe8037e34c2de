#!/usr/bin/env bash
# Builds the native module with sanitizers into src/rushlight and runs a command, or tests, under them.
#
#   tools/sanitize.sh tests/ops tests/nn        pytest with these arguments
#   tools/sanitize.sh -- tests/fuzz/fuzz_load.py --seconds 60      python with these arguments
#
# RUSHLIGHT_SANITIZE (default address,undefined; also thread) chooses the sanitizers. Reports go to standard
# error; the first one ends the process, unless ASAN_OPTIONS or UBSAN_OPTIONS say otherwise.
# `tools/build.sh` puts the ordinary module back.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
kinds=${RUSHLIGHT_SANITIZE:-address,undefined}
RUSHLIGHT_BUILD_DIR=$root/build/sanitize "$root/tools/build.sh" -DRUSHLIGHT_SANITIZE="$kinds"
python=${PYTHON:-python}

preload=
for kind in ${kinds//,/ }; do
  case $kind in
    address) name=libasan.so ;;
    undefined) name=libubsan.so ;;
    thread) name=libtsan.so ;;
    *) echo "unknown sanitizer: $kind" >&2; exit 2 ;;
  esac
  preload+=${preload:+:}$(gcc -print-file-name=$name)
done
# Python and numpy leave memory behind on purpose. Its own allocator would hide accesses after free.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export PYTHONMALLOC=malloc LD_PRELOAD=$preload PYTHONPATH=$root/src
if [ "${1:-}" = -- ]; then
  shift
  exec "$python" "$@"
fi
exec "$python" -m pytest -q -p no:cacheprovider "$@"
