"""A real MLflow server is told of everything, and its own client reads it back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from mlflow_server import MlflowServer
from support.mlflow_checks import artifacts, files_of, read_back, wait_for, wait_until_told
from support.registry_models import register, write_model
from training_job import free_port

MANY = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("mlflow"), free_port()) as running:
        yield running


def hub_of(build_dir: Path, uri: str) -> HubProcess:
    return HubProcess(build_dir, arguments=("--mlflow-uri", uri))


def register_many(api: HubClient, folder: Path, prefix: str) -> list[str]:
    names = [f"{prefix}-{i}" for i in range(MANY)]
    for i, name in enumerate(names):
        register(api, name, write_model(folder / name, seed=i, shards=1))
    return names


def test_a_training_is_read_back_by_mlflows_client(
    build_dir: Path, server: MlflowServer, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho."}]}
    rows.write_text((json.dumps(row) + "\n") * 8)
    with hub_of(build_dir, server.url) as hub:
        api = HubClient(hub.url)
        wait_until_told(api)
        dataset = api.upload_dataset("greetings", rows)
        job = api.submit(
            {
                "type": "finetune",
                "model": DEFAULT_MODEL,
                "dataset": "greetings",
                "params": {"rank": 4, "batch_size": 2, "epochs": 2, "report_every": 1},
                "output": {"name": "polite"},
            }
        )
        done = api.wait(str(job["id"]))
        assert done["state"] == "COMPLETED", done["reason"]
        api.call("PUT", "/models/polite/aliases/production", json={"version": 1})
        evaluation = api.evaluate("polite", "greetings")
        api.call("PATCH", "/models/polite", json={"description": "says Ho", "tags": {"team": "a"}})
        wait_until_told(api)
        version = api.call("GET", "/models/polite")["versions"][0]
        files = files_of(api, "polite")
        reports = api.call("GET", f"/jobs/{job['id']}/metrics", params={"limit": 500})["data"]
        told = api.call("GET", "/models/polite")["mlflow"]
        assert told == {"state": "synced", "url": f"{server.url}/#/models/polite", "error": None}
        assert api.call("GET", "/system")["mlflow"]["state"] == "connected"

        there = read_back(server.url)
        assert there["models"][DEFAULT_MODEL]["versions"]["1"]["tags"]["hub.kind"] == "base"
        model = there["models"]["polite"]
        assert model["description"] == "says Ho"
        assert model["tags"]["team"] == "a"
        assert model["aliases"] == {"production": "1"}
        (run,) = [one for one in there["runs"] if one["tags"]["hub.job_id"] == job["id"]]
        assert run["status"] == "FINISHED"
        assert run["params"]["rank"] == "4"
        assert run["params"]["model"] == DEFAULT_MODEL
        losses = [[one["step"], one["train_loss"]] for one in reports if one.get("train_loss")]
        assert len(losses) >= 4
        assert run["history"]["train_loss"] == losses
        assert run["datasets"] == [
            {
                "name": "greetings",
                "digest": dataset["digest"][:36],
                "tags": {"mlflow.data.context": "training"},
            }
        ]
        only = model["versions"]["1"]
        assert only["run_id"] == run["id"]
        assert only["tags"]["hub.version_id"] == version["id"]
        assert only["tags"]["hub.base"] == f"{DEFAULT_MODEL}@1"
        assert run["outputs"] == [only["source"].removeprefix("models:/")]
        got = artifacts(server.url, "models:/polite@production")
        assert {name: got[name] for name in files} == files
        assert "MLmodel" in got

        # An evaluation's figures are its run's, and beside the version that they are about.
        (measured,) = [
            one for one in there["runs"] if one["tags"]["hub.job_id"] == evaluation["job_id"]
        ]
        figures: Json = evaluation["metrics"]
        assert {"loss", "perplexity"} <= figures.keys()
        assert {key: points for key, points in measured["history"].items() if key in figures} == {
            key: [[0, value]] for key, value in figures.items()
        }
        assert only["figures"] == [
            {
                "key": key,
                "value": figures[key],
                "run": measured["id"],
                "dataset": "greetings",
                "digest": dataset["digest"][:36],
            }
            for key in sorted(figures)
        ]

        # What goes here is marked there.
        api.call("DELETE", "/models/polite/aliases/production")
        api.call("DELETE", f"/versions/{version['id']}")
        wait_until_told(api)
        model = read_back(server.url)["models"]["polite"]
        assert model["aliases"] == {}
        assert model["versions"]["1"]["tags"]["hub.deleted"] == "true"
        api.close()


def test_a_crash_of_either_side_makes_nothing_twice(build_dir: Path, tmp_path: Path) -> None:
    server = MlflowServer(tmp_path / "mlflow", free_port())
    data = tmp_path / "data"
    data.mkdir()
    server.start()
    try:
        hub = HubProcess(build_dir, data, ("--mlflow-uri", server.url))
        hub.start()
        try:
            api = HubClient(hub.url)
            wait_until_told(api)
            names = register_many(api, data / "imports", "one")
            os.kill(hub.pid, signal.SIGKILL)  # in the middle of telling
            api.close()
            hub.stop()
            hub.start()
            api = HubClient(hub.url)
            names += register_many(api, data / "imports", "two")
            server.kill()
            names += register_many(api, data / "imports", "three")
            server.start()
            api.call("POST", "/mlflow/retry")
            state = wait_until_told(api)
            assert state["refused"] == 0
            api.close()
        finally:
            hub.stop()
        there = read_back(server.url)
    finally:
        server.stop()
    assert {name: len(there["models"][name]["versions"]) for name in names} == dict.fromkeys(
        names, 1
    )


def test_a_refusal_is_told_and_does_not_stop_the_others(
    build_dir: Path, server: MlflowServer
) -> None:
    with HubProcess(build_dir, arguments=("--mlflow-uri", f"{server.url}/no-such-path")) as hub:
        api = HubClient(hub.url)
        state = wait_for(api, lambda now: now["refused"] > 0)
        assert "404" in state["data"][0]["error"]
        model = api.call("GET", f"/models/{DEFAULT_MODEL}")["mlflow"]
        assert model["state"] == "refused"
        assert "404" in model["error"]
        api.close()


def test_without_a_server_the_routes_say_what_is_missing(build_dir: Path) -> None:
    with HubProcess(build_dir, environment={"MLFLOW_TRACKING_URI": ""}) as hub:
        api = HubClient(hub.url)
        answer = api.request("GET", "/mlflow")
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "mlflow_off"
        assert api.call("GET", "/system")["mlflow"] is None
        assert api.call("GET", f"/models/{DEFAULT_MODEL}")["mlflow"] is None
        api.close()
