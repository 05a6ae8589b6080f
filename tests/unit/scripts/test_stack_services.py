"""Where scripts/stack takes its ports and the hub's address from."""

from __future__ import annotations

from pathlib import Path

import pytest
import stack_services
from stack_services import env_file, parse

NAMES = (
    *("MLFLOW_PORT", "PROMETHEUS_PORT", "MLX_HUB_URL", "MLX_HUB_PORT", "MLX_HUB_METRICS_LISTEN"),
    *("MLX_HUB_METRICS_KEY_FILE", "MLX_HUB_STACK_DIR", "XDG_DATA_HOME"),
)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What .env holds, for a test to fill."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    env: dict[str, str] = {}

    def fake() -> dict[str, str]:
        return env

    monkeypatch.setattr(stack_services, "env_file", fake)
    return env


def test_defaults_are_those_of_compose() -> None:
    command, compose, options = parse(["up"])
    assert (command, compose) == ("up", False)
    assert (options.mlflow_port, options.prometheus_port) == (5001, 9090)
    assert options.target == "localhost:8000"
    assert options.folder.name == "mlx-hub-stack"


@pytest.mark.parametrize(
    ("name", "value", "target"),
    [
        ("MLX_HUB_METRICS_LISTEN", "0.0.0.0:9464", "localhost:9464"),
        ("MLX_HUB_METRICS_LISTEN", "[::1]:9464", "localhost:9464"),
        ("MLX_HUB_URL", "http://127.0.0.1:8123", "127.0.0.1:8123"),
        ("MLX_HUB_PORT", "8222", "localhost:8222"),
    ],
)
def test_the_hub_is_where_it_listens(
    name: str, value: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert parse(["status"])[2].target == target
    assert parse(["status", "--hub", "localhost:1"])[2].target == "localhost:1"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    nothing_is_set: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_set["MLFLOW_PORT"] = "1001"
    assert parse(["up"])[2].mlflow_port == 1001
    monkeypatch.setenv("MLFLOW_PORT", "1002")
    assert parse(["up"])[2].mlflow_port == 1002
    assert parse(["up", "--mlflow-port", "1003"])[2].mlflow_port == 1003


def test_the_file_is_read_as_docker_compose_does(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# MLFLOW_PORT=1\nPROMETHEUS_PORT = 9191 \n\nA='b=c'\nnothing\n")
    assert env_file(file) == {"PROMETHEUS_PORT": "9191", "A": "b=c"}
    assert env_file(tmp_path / "none") == {}
