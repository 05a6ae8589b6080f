"""What the benchmarks against mlx-lm share: the machine's facts, a hub, mlx-lm in two forms, taking turns."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import machine_facts
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from mlx_lm_peer import Peer
from package_files import cache_folder

MODELS = cache_folder() / "models"
OURS = "ours"
# 4-bit weights with float32 scales: float16 ones run 50 times slower in mlx-lm on this backend.
FOUR_BIT = "mlx-lm 4-bit"
# mlx-lm's best form on a CPU: dequantized once, OpenBLAS ahead of the wheel's reference BLAS.
FLOAT32 = "mlx-lm float32 + OpenBLAS"


def print_machine() -> Json:
    facts = machine_facts.facts()
    for key, value in facts.items():
        print(f"{key}: {value}")
    if machine_facts.is_busy():
        print("BUSY: other processes run, figures are noisy")
    return facts


@contextlib.contextmanager
def hub_and_peers(build_dir: Path) -> Generator[tuple[HubClient, dict[str, Peer]]]:
    """A hub with an empty data folder and both forms of mlx-lm, each in its own process."""
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(build_dir.resolve()))
        client = HubClient(hub.url)
        stack.callback(client.close)
        comparison = MODELS / f"{DEFAULT_MODEL}-f32"
        peers = {
            FOUR_BIT: stack.enter_context(Peer(comparison)),
            FLOAT32: stack.enter_context(Peer(comparison, "float32", preload_openblas=True)),
        }
        yield client, peers


def turns(number: int, peers: dict[str, Peer]) -> list[str]:
    """Ours first and last in turn, so that a machine that grows slower favours nobody."""
    return [OURS, *peers] if number % 2 == 0 else [*reversed(list(peers)), OURS]


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    if path:
        path.write_text(json.dumps(result, indent=2) + "\n")
