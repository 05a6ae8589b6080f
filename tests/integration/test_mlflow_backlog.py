"""A few minutes' work without MLflow: all of it arrives, once, in order (scripts/bench_mlflow.py does half an hour)."""

from __future__ import annotations

from pathlib import Path

from hub_client import HubClient, HubProcess
from mlflow_backlog import Amount, check, make_backlog, resident_bytes
from mlflow_server import MlflowServer
from support.mlflow_checks import wait_until_told
from tiny_models import make_tiny_model
from training_job import free_port

AMOUNT = Amount(trainings=2, reports=120, models=4)
GROWTH = 64 << 20


def test_what_was_done_without_mlflow_is_told_once_and_in_order(
    build_dir: Path, tmp_path: Path
) -> None:
    server = MlflowServer(tmp_path / "mlflow", free_port())
    default = make_tiny_model(tmp_path / "default", seed=99)
    arguments = ("--mlflow-uri", server.url, "--default-model", str(default))
    with HubProcess(build_dir, arguments=arguments) as hub:
        api = HubClient(hub.url)
        backlog = make_backlog(api, hub.data_dir / "imports", AMOUNT)
        state = api.call("GET", "/mlflow")
        assert state["state"] == "unreachable"
        assert "connection refused" in state["error"]
        assert api.call("GET", "/models/backlog")["mlflow"]["state"] == "waiting"
        assert api.chat("backlog-base", "Hi", max_tokens=4)  # nobody minds
        # One entry for each model and job, however often it changed: the default one, the adapter's.
        assert state["waiting"] == len(backlog.models) + 2 + 2 * AMOUNT.trainings
        before = resident_bytes(hub.pid)
        with server:
            api.call("POST", "/mlflow/retry")
            assert wait_until_told(api)["refused"] == 0
            assert resident_bytes(hub.pid) - before < GROWTH
            told = check(backlog, server.url)
        assert told["runs"] == 2 * AMOUNT.trainings
        assert told["metric_points"] >= AMOUNT.trainings * AMOUNT.reports
        api.close()
