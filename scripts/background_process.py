"""A process that outlives its starter, found again by a small file that names it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import cast


class BackgroundProcess:
    """The leader of a session of its own; its file holds the process id and when it started."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def remember(self, pid: int, port: int) -> None:
        record = {"pid": pid, "started": started_at(pid), "port": port}
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(record) + "\n")
        temporary.replace(self.file)

    def pid(self) -> int | None:
        """None when it ended; another process that has its number now is not taken for it."""
        record = self._record()
        pid = record.get("pid")
        if not isinstance(pid, int):
            return None
        started = started_at(pid)
        return pid if started is not None and started == record.get("started") else None

    def port(self) -> int | None:
        port = self._record().get("port")
        return port if isinstance(port, int) else None

    def stop(self, timeout: float) -> bool:
        """Asks its whole group to end, kills what is left after `timeout` seconds. False: it did not run."""
        pid = self.pid()
        if pid is not None:
            _signal_group(pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(0.05)
            _signal_group(pid, signal.SIGKILL)
        self.file.unlink(missing_ok=True)
        return pid is not None

    def _record(self) -> dict[str, object]:
        try:
            found: object = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def started_at(pid: int) -> str | None:
    """When the process with this number started, in the system's own words; None: there is none, or only its corpse."""
    if Path("/proc/self/stat").exists():
        try:
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if state == "Z" else f"{boot} {fields[18]}"
    done = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = done.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
