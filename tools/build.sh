#!/usr/bin/env bash
# Builds the native module into src/rushlight for development. Options are passed to cmake.
# RUSHLIGHT_BUILD_DIR (default build/dev) is where the object files lie.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
build=${RUSHLIGHT_BUILD_DIR:-build/dev}
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi
cmake -S . -B "$build" -G Ninja -DRUSHLIGHT_INPLACE=ON -DRUSHLIGHT_NATIVE_ONLY=ON \
  -DPython_EXECUTABLE="$(command -v "$python")" \
  "${launcher[@]}" "$@" >/dev/null
cmake --build "$build"
