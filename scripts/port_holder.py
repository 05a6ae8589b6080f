"""Who listens on a TCP port of this machine."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LISTENING = "0A"  # of /proc/net/tcp
AIRPLAY_PORTS = (5000, 7000)


@dataclass(frozen=True)
class Holder:
    pid: int | None  # None: it belongs to another user
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid is not None else self.name


def is_held(port: int) -> bool:
    """Whether something answers there on loopback, or nothing could listen there."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((address, port)) == 0:
                return True
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def holder_of(port: int) -> Holder | None:
    """None where the port is free."""
    if not is_held(port):
        return None
    found = _by_proc(port) if Path("/proc/net/tcp").exists() else _by_lsof(port)
    if found is None:
        return Holder(None, "a process that cannot be named (of another user, or the system's)")
    if sys.platform == "darwin" and port in AIRPLAY_PORTS and found.name.startswith("ControlCe"):
        return Holder(
            found.pid,
            "macOS' AirPlay Receiver (System Settings, General, AirDrop & Handoff turns it off)",
        )
    return found


def _by_proc(port: int) -> Holder | None:
    inodes: dict[str, str] = {}  # to the user's id
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    inodes[f"socket:[{fields[9]}]"] = fields[7]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                return Holder(int(folder.name), _command(folder))
    users = ", ".join(sorted(set(inodes.values())))
    return Holder(None, f"a process of the user with the id {users}") if users else None


def _command(folder: Path) -> str:
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    text = " ".join(words).strip() or (folder / "comm").read_text().strip()
    return text if len(text) <= 80 else text[:79] + "…"


def _by_lsof(port: int) -> Holder | None:
    program = shutil.which("lsof") or "/usr/sbin/lsof"
    try:
        done = subprocess.run(
            [program, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    fields = {line[0]: line[1:] for line in reversed(done.stdout.splitlines()) if line}
    return Holder(int(fields["p"]), fields.get("c", "a process")) if "p" in fields else None
