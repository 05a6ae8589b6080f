"""How much memory this machine has, and has free, for what computes: a GPU's own where MLX computes on one."""

from __future__ import annotations

import os
from pathlib import Path

import mlx.core as mx


def total_bytes() -> tuple[int, str]:
    """(bytes, whose memory)."""
    info = mx.device_info()
    if mx.default_device() == mx.Device(mx.DeviceType.gpu):
        for key in ("memory_size", "total_memory"):
            if key in info:
                return int(info[key]), "memory of the device"
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "memory"


def available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What programs could take now without swapping; None where the system does not say (macOS)."""
    if not meminfo.exists():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
