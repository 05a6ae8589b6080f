"""Options, and the hub that integration and conformance tests talk to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_client import HubClient, HubProcess
from support.fake_hub import FakeHub

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


@pytest.fixture
def remote() -> Iterator[FakeHub]:
    with FakeHub() as fake:
        yield fake


@pytest.fixture
def start(
    build_dir: Path, tmp_path: Path, remote: FakeHub
) -> Iterator[Callable[..., tuple[HubProcess, HubClient]]]:
    """Starts hubs that know only the fake Hub and an empty Hugging Face home."""
    started: list[tuple[HubProcess, HubClient]] = []

    def start_hub(
        data_dir: Path | None = None, arguments: tuple[str, ...] = (), **environment: str
    ) -> tuple[HubProcess, HubClient]:
        folder = data_dir or tmp_path / "data"
        folder.mkdir(parents=True, exist_ok=True)
        given = {
            "HF_ENDPOINT": remote.url,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": "",
            "HF_HUB_CACHE": "",
            **environment,
        }
        process = HubProcess(build_dir, folder, arguments, given)
        process.start()
        started.append((process, HubClient(process.url)))
        return started[-1]

    yield start_hub
    for process, client in started:
        client.close()
        process.stop()
