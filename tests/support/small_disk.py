"""Filling a small file system of one's own (the fixture `small_disk`)."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path


def fill(disk: Path, free_bytes: int) -> Path:
    """Leaves so many bytes free by a file that may be removed again; others may write meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while (excess := shutil.disk_usage(disk).free - free_bytes) > 0:
            file.write(b"x" * min(excess, 1 << 20))
    return ballast


def check_data(build_dir: Path, data: Path) -> None:
    """The data folder of a hub that was stopped: the database is whole, and so is every file."""
    with sqlite3.connect(data / "hub.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    checked = subprocess.run(
        [build_dir / "mlx-hub", "verify", "--data-dir", str(data), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert json.loads(checked.stdout)["damaged"] == 0
