"""Filling a small file system of one's own (the fixture `small_disk`)."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path


def fill(disk: Path, free_bytes: int) -> Path:
    """Leaves so many bytes free by a file that may be removed again; others may write meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while (excess := shutil.disk_usage(disk).free - free_bytes) > 0:
            file.write(b"x" * min(excess, 1 << 20))
    return ballast
