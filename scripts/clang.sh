# Sourced by test, coverage and fuzz after steps.sh: the clang that the sanitizers, their counters and the fuzzers use.
# With one precompiled header it builds the tests in a third of GCC's time. On macOS the system's own clang serves.

# The newest of those that compile our C++20 against the distribution's libstdc++.
clang_versions='19 18 17 16'

# The compiler, the sanitizers' runtime libraries, and the reader of its counters.
has_clang() {
  command -v "clang++-$1" >/dev/null && command -v "llvm-cov-$1" >/dev/null &&
    [[ -f $("clang++-$1" -print-resource-dir)/lib/linux/libclang_rt.fuzzer-$(uname -m).a ]]
}

find_clang() {
  local version
  for version in $clang_versions; do has_clang "$version" && echo "$version" && return; done
}

install_clang() {
  local version
  [[ $(uname -s) != Darwin && -z $(find_clang) ]] || return 0
  command -v apt-get >/dev/null || fail "no clang with sanitizers was found, and there is no apt-get to install it"
  as_root apt-get update -q
  for version in $clang_versions; do
    if apt-cache show "libclang-rt-$version-dev" >/dev/null 2>&1; then
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        "clang-$version" "libclang-rt-$version-dev" "llvm-$version" && return
    fi
  done
  fail "no clang of the versions $clang_versions with sanitizers is in the package index"
}

# configure_with_clang PRESET: a build folder of another compiler would be configured anew half-way, so it goes.
configure_with_clang() {
  local version
  if [[ $(uname -s) == Darwin ]]; then
    [[ -f build/$1/build.ninja ]] || with_build_tools cmake --preset "$1"
    return
  fi
  version=$(find_clang)
  grep -qs "CMAKE_CXX_COMPILER:.*=.*clang++-$version\$" "build/$1/CMakeCache.txt" && [[ -f build/$1/build.ninja ]] && return
  rm -rf "build/$1"
  with_build_tools cmake --preset "$1" "-DCMAKE_C_COMPILER=clang-$version" "-DCMAKE_CXX_COMPILER=clang++-$version"
}

# build_and_test PRESET: builds with another preset and runs the C++ unit tests there; counters of earlier runs go.
build_and_test() {
  configure_with_clang "$1" && with_build_tools cmake --build --preset "$1" || return 1
  find "build/$1" -name '*.gcda' -delete
  .venv/bin/ctest --preset "$1" --quiet --output-log "build/$1/tests.log" || { tail -n 80 "build/$1/tests.log" && return 1; }
}
