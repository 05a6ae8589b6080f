"""Options, and the hub that integration and conformance tests talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import HubClient, HubProcess

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    default = os.environ.get("MLX_HUB_BUILD", "build/release")
    parser.addoption("--build-dir", default=default, help="where the C++ programs are")


@pytest.fixture(scope="session")
def build_dir(pytestconfig: pytest.Config) -> Path:
    return ROOT / str(pytestconfig.getoption("--build-dir"))


@pytest.fixture(scope="session")
def hub(build_dir: Path) -> Iterator[HubProcess]:
    """One hub on a temporary data folder for all tests that leave it working."""
    with HubProcess(build_dir) as process:
        yield process
        assert process.is_alive(), f"the hub died during the tests:\n{process.log[-3000:]}"


@pytest.fixture
def client(hub: HubProcess) -> Iterator[HubClient]:
    connected = HubClient(hub.url)
    yield connected
    connected.close()


@pytest.fixture
def own_hub(build_dir: Path) -> Iterator[HubProcess]:
    """A hub that a test may mistreat."""
    with HubProcess(build_dir) as process:
        yield process
