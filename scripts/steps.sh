# Sourced by setup, up, test and lint: the project's root, one line a step, one line a failure.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
script=$(basename "$0")
build_dir=build/release

if [[ -t 1 ]]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else bold='' green='' red='' plain=''; fi

say() { printf '%s\n' "$*"; }

# Stops with one line. Running the script again goes on: finished steps notice that nothing is missing.
fail() {
  printf '%s%s: %s%s\n' "$red" "$script" "$*" "$plain" >&2
  exit 1
}

# macOS ships bash 3.2, which knows no EPOCHREALTIME: whole seconds there.
now() { echo "${EPOCHREALTIME:-$(date +%s)}" | tr , .; }
seconds_since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# step "what it does" command…: runs the command with its own progress and says how long it took.
step() {
  local what=$1 started
  started=$(now)
  shift
  printf '%s==> %s%s\n' "$bold" "$what" "$plain"
  "$@" || fail "$what failed (see above); running scripts/$script again goes on from here"
  printf '%s    %s: %s s%s\n' "$green" "$what" "$(seconds_since "$started")" "$plain"
}

# The locked cmake, ctest and ninja ahead of what the system may have.
with_build_tools() {
  PATH="$root/.venv/bin:$PATH" CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$root CCACHE_SLOPPINESS=pch_defines,time_macros "$@"
}

# uv: the one on PATH, else the one that setup put into build/tools.
find_uv() {
  if command -v uv >/dev/null; then command -v uv; elif [[ -x build/tools/uv/bin/uv ]]; then echo "$root/build/tools/uv/bin/uv"; fi
}

# as_root command…: the system's package manager needs root; sudo asks for it.
as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "installing packages needs root: run as root or install sudo"
  fi
}
