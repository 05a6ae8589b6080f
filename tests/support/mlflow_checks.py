"""What the tests of the MLflow sync share: reading back with MLflow's own client, waiting until all is told."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import mlflow_server
from hub_client import HubClient, Json

READ_BACK = Path(__file__).with_name("mlflow_read_back.py")
ARRIVES = 120.0  # seconds, beside other tests


def run_client(*arguments: str, environment: dict[str, str] | None = None) -> Json:
    done = subprocess.run(
        [mlflow_server.python(), READ_BACK, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    found: Json = json.loads(done.stdout)
    return found


def read_back(url: str, environment: dict[str, str] | None = None) -> Json:
    """Models with their versions, and runs."""
    return run_client(url, "mlx-hub", environment=environment)


def artifacts(url: str, uri: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """SHA-256 by name."""
    return run_client("files", url, uri, environment=environment)


def wait_for(api: HubClient, is_reached: Callable[[Json], bool], timeout: float = ARRIVES) -> Json:
    """What GET /mlflow says then."""
    deadline = time.monotonic() + timeout
    while True:
        state: Json = api.call("GET", "/mlflow")
        if is_reached(state):
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def wait_until_told(api: HubClient, timeout: float = ARRIVES) -> Json:
    return wait_for(api, lambda now: now["waiting"] == 0 and now["state"] == "connected", timeout)


def files_of(api: HubClient, model: str, version: int = 1) -> dict[str, str]:
    """SHA-256 by name, of a version here."""
    versions = api.call("GET", f"/models/{model}")["versions"]
    (found,) = [one for one in versions if one["version"] == version]
    return {
        one["name"]: one["sha256"] for one in api.call("GET", f"/versions/{found['id']}")["files"]
    }
