"""A disk that a test may fill, and a hub whose files a module may damage."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import HubClient, HubProcess
from support.registry_models import write_model

DISK_BYTES = 24 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"mounting a tmpfs is not permitted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


@pytest.fixture(scope="module")
def registry(build_dir: Path) -> Iterator[HubProcess]:
    """A hub of this module's own, since its files get damaged."""
    with HubProcess(build_dir) as process:
        yield process


@pytest.fixture
def api(registry: HubProcess) -> Iterator[HubClient]:
    connected = HubClient(registry.url)
    yield connected
    connected.close()


@pytest.fixture
def folder(registry: HubProcess, request: pytest.FixtureRequest) -> Path:
    """A model folder in three shards, where the hub may read."""
    return write_model(
        registry.data_dir / "imports" / str(request.node.name).replace("[", "-").strip("]")
    )
