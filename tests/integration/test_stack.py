"""scripts/stack: the two servers outlive the shell, start once, and end; a held port is named."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from background_process import BackgroundProcess
from dashboard_queries import Prometheus
from hub_client import ROOT, HubProcess
from support.transfers import wait_for
from training_job import free_port

Stack = Callable[..., subprocess.CompletedProcess[str]]

ALERTS = 15


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {"MLFLOW_PORT": free_port(), "PROMETHEUS_PORT": free_port()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def stack(ports: dict[str, int], folder: Path) -> Iterator[Stack]:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {name: str(port) for name, port in ports.items()}
        return subprocess.run(
            [ROOT / "scripts" / "stack", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **given, "MLX_HUB_STACK_DIR": str(folder), **environment},
        )

    yield run
    run("down")


def pids(folder: Path) -> list[int | None]:
    return [BackgroundProcess(folder / f"{one}.json").pid() for one in ("mlflow", "prometheus")]


def test_it_runs_until_it_is_told_to_end(
    stack: Stack, ports: dict[str, int], folder: Path, hub: HubProcess
) -> None:
    before = stack("status")
    assert before.returncode == 1
    assert before.stdout.count("stopped") == 2

    up = stack("up", "--hub", hub.url)
    assert up.returncode == 0, up.stdout + up.stderr
    assert f'mlflow_uri = "http://localhost:{ports["MLFLOW_PORT"]}"' in up.stdout
    running = pids(folder)
    assert None not in running
    healthy = httpx.get(f"http://localhost:{ports['PROMETHEUS_PORT']}/-/healthy")
    assert healthy.text == "Prometheus Server is Healthy.\n"
    assert httpx.get(f"http://localhost:{ports['MLFLOW_PORT']}/health").text == "OK"

    again = stack("up", "--hub", hub.url)
    assert again.returncode == 0, again.stdout + again.stderr
    assert pids(folder) == running

    prometheus = Prometheus(f"http://localhost:{ports['PROMETHEUS_PORT']}")
    wait_for(lambda: bool(prometheus.get("query", query='up{job="mlx-hub"} == 1')["result"]))
    rules = prometheus.get("rules", type="alert")["groups"]
    assert sum(len(group["rules"]) for group in rules) == ALERTS
    status = stack("status")
    assert status.returncode == 0
    assert f"scraped        {hub.url}/metrics" in status.stdout
    assert "not scraped" not in status.stdout

    # Where the hub listens may change while they run.
    elsewhere = free_port()
    assert stack("up", "--hub", f"localhost:{elsewhere}").returncode == 0
    assert pids(folder) == running
    wait_for(lambda: f"localhost:{elsewhere}/metrics" in stack("status").stdout)

    moved = stack("up", "--prometheus-port", str(free_port()))
    assert moved.returncode == 1
    assert f"runs at port {ports['PROMETHEUS_PORT']}" in moved.stderr

    down = stack("down")
    assert down.returncode == 0
    assert down.stdout.count(": stopped") == 2
    assert pids(folder) == [None, None]
    assert stack("check").stdout.count("free") == 2
    assert (folder / "mlflow" / "mlflow.db").exists()
    assert stack("down").stdout.count("did not run") == 2


@pytest.mark.parametrize("option", ["mlflow", "prometheus"])
def test_who_holds_a_port_is_named_with_the_way_out(
    option: str, stack: Stack, ports: dict[str, int], folder: Path
) -> None:
    name = f"{option.upper()}_PORT"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[name]))
        listener.listen()
        done = stack("up")
        assert done.returncode == 1
        assert f"port {ports[name]} is held by" in done.stderr
        assert f"(pid {os.getpid()})" in done.stderr
        assert f"scripts/stack up --{option}-port" in done.stderr
        assert f"{name}=" in done.stderr
        checked = stack("check", "--compose")
        assert checked.returncode == 1
        assert f"(pid {os.getpid()})" in checked.stdout
        assert "GRAFANA_PORT" in checked.stdout
    assert pids(folder) == [None, None], "nothing is left half-started"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("up", "--hub", "nowhere"), "wanted host:port"),
        (("up", "--hub", "https://localhost:8000"), "wanted host:port"),
        (("up", "--key-file", "/nonexistent"), "there is no such file"),
        (("start",), "up, down, status or check"),
        ((), "up, down, status or check"),
    ],
)
def test_bad_arguments_are_refused(arguments: tuple[str, ...], says: str, stack: Stack) -> None:
    done = stack(*arguments)
    assert done.returncode != 0
    assert says in done.stderr
