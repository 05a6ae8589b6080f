"""What a benchmark must say about the machine it ran on."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def openblas_kernel() -> str:
    """The kernel that OpenBLAS chose here; OPENBLAS_CORETYPE may have chosen it and is respected."""
    library = ctypes.util.find_library("openblas")
    if library is None:
        return "no OpenBLAS"
    blas = ctypes.CDLL(library)
    blas.openblas_get_corename.restype = ctypes.c_char_p
    blas.openblas_get_config.restype = ctypes.c_char_p
    name = str(blas.openblas_get_corename().decode())
    version = str(blas.openblas_get_config().decode()).split()[1]
    forced = " (OPENBLAS_CORETYPE)" if "OPENBLAS_CORETYPE" in os.environ else ""
    return f"{name}{forced}, OpenBLAS {version}"


def fit_openblas() -> None:
    """Peers get the kernels that our worker takes, which knows better than OpenBLAS on new processors."""
    worker = Path("build/release/mlx-hub-worker")
    if worker.exists():
        done = subprocess.run([worker, "doctor"], capture_output=True, text=True, check=True)
        core = str(json.loads(done.stdout)["blas"]["core"])
        if core:
            os.environ.setdefault("OPENBLAS_CORETYPE", core)


def read_bandwidth(repeats: int = 12, size_mb: int = 256) -> float:
    """Bytes per second that all cores together read from memory, the best of some repeats."""
    cores = os.cpu_count() or 1
    parts = [np.ones(size_mb * 2**20 // 8 // cores, dtype=np.float64) for _ in range(cores)]
    best = 0.0
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(repeats):
            started = time.perf_counter()
            list(pool.map(np.max, parts))
            best = max(best, sum(part.nbytes for part in parts) / (time.perf_counter() - started))
    return best


def facts() -> dict[str, Any]:
    fit_openblas()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "openblas": openblas_kernel(),
    }


def is_busy() -> bool:
    """True when other processes take so much that figures are upper bounds of time."""
    return os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1)
