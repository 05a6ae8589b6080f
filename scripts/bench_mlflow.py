"""How long after its registration here a model is there in MLflow, and how fast a backlog is told.

uv run python scripts/bench_mlflow.py [--models 50] [--backlog-minutes 30] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from bench_peers import print_machine, write_json
from hub_client import HubClient, HubError, HubProcess, Json
from mlflow_backlog import check, make_backlog, minutes_of_work, resident_bytes
from mlflow_server import MlflowServer
from tiny_models import make_tiny_model
from training_job import free_port

GIVEN_UP = 60.0  # seconds


def is_there(mlflow: httpx.Client, name: str) -> bool:
    answer = mlflow.get(
        "/api/2.0/mlflow/model-versions/search", params={"filter": f"name='{name}'"}
    )
    return bool(answer.is_success and answer.json().get("model_versions"))


def delays(api: HubClient, mlflow: httpx.Client, folder: Path, count: int) -> list[float]:
    """Seconds from the answer to a registration until MLflow answers with its version."""
    found: list[float] = []
    for i in range(count):
        name = f"bench-{i}"
        model = make_tiny_model(folder / name, seed=i)
        api.call("POST", "/models", json={"name": name, "base_model": str(model)})
        begin = time.monotonic()
        while not is_there(mlflow, name):
            if time.monotonic() - begin > GIVEN_UP:
                raise HubError(f"{name} did not arrive within {GIVEN_UP:.0f} s")
            time.sleep(0.01)
        found.append(time.monotonic() - begin)
    return found


def late(api: HubClient, server: MlflowServer, folder: Path, count: int) -> float:
    """Seconds to tell of `count` models that were registered while the server was down."""
    server.stop()
    for i in range(count):
        name = f"late-{i}"
        model = make_tiny_model(folder / name, seed=1000 + i)
        api.call("POST", "/models", json={"name": name, "base_model": str(model)})
    server.start()
    begin = time.monotonic()
    api.call("POST", "/mlflow/retry")
    while api.call("GET", "/mlflow")["waiting"] > 0:
        time.sleep(0.05)
    return time.monotonic() - begin


def delay_and_rate(build_dir: Path, work: Path, models: int) -> Json:
    server = MlflowServer(work / "mlflow", free_port())
    with (
        server,
        HubProcess(build_dir, arguments=("--mlflow-uri", server.url)) as hub,
        httpx.Client(base_url=server.url, timeout=30.0) as mlflow,
    ):
        api = HubClient(hub.url)
        folder = hub.data_dir / "imports"
        seconds = sorted(delays(api, mlflow, folder, models))
        rest = late(api, server, folder, models)
        api.close()
    return {
        "models": models,
        "median_seconds": statistics.median(seconds),
        "p95_seconds": seconds[max(0, round(0.95 * len(seconds)) - 1)],
        "largest_seconds": seconds[-1],
        "backlog_seconds": rest,
        "backlog_models_per_second": models / rest,
    }


def backlog_of(build_dir: Path, work: Path, minutes: int) -> Json:
    """So many minutes' work while MLflow is away, and how long and with how much memory it is told afterwards."""
    server = MlflowServer(work / "late", free_port())
    with HubProcess(build_dir, arguments=("--mlflow-uri", server.url)) as hub:
        api = HubClient(hub.url)
        begin = time.monotonic()
        made = make_backlog(api, hub.data_dir / "imports", minutes_of_work(minutes))
        making = time.monotonic() - begin
        waiting = api.call("GET", "/mlflow")["waiting"]
        with server:
            resting = largest = resident_bytes(hub.pid)
            begin = time.monotonic()
            api.call("POST", "/mlflow/retry")
            while (state := api.call("GET", "/mlflow"))["waiting"] > 0:
                if state["refused"]:
                    raise HubError(f"MLflow refused: {state['data'][0]['error']}")
                largest = max(largest, resident_bytes(hub.pid))
                time.sleep(0.1)
            seconds = time.monotonic() - begin
            told = check(made, server.url)
        api.close()
    return {
        "backlog_minutes": minutes,
        "made_in_seconds": making,
        "waiting_objects": waiting,
        "told_in_seconds": seconds,
        "hub_bytes_before": resting,
        "hub_bytes_at_most": largest,
        **told,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument(
        "--backlog-minutes",
        type=int,
        default=0,
        help="also so many minutes' trainings, registrations and promotions without MLflow",
    )
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    try:
        with tempfile.TemporaryDirectory(prefix="mlx-hub-mlflow-") as name:
            result: Json = {}
            if options.models:
                result |= delay_and_rate(options.build_dir, Path(name), options.models)
            if options.backlog_minutes:
                result |= backlog_of(options.build_dir, Path(name), options.backlog_minutes)
    except (HubError, RuntimeError) as error:
        print(f"bench_mlflow: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    write_json(options.json, {"machine": facts, **result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
