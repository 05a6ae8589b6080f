# Sourced by setup and stack after steps.sh: Prometheus from the system's packages.

has_prometheus() { command -v prometheus >/dev/null && command -v promtool >/dev/null; }

install_prometheus() {
  has_prometheus && return
  if command -v apt-get >/dev/null; then
    as_root apt-get update -q &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends prometheus || return 1
    # Debian's package starts a server of its own on port 9090.
    if [[ -d /run/systemd/system ]]; then as_root systemctl disable --now prometheus; fi
  elif command -v brew >/dev/null; then
    brew install prometheus
  else
    fail "there is neither apt-get nor Homebrew: install prometheus by hand"
  fi
}
