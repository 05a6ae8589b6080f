"""A real MLflow server is told of everything, and its own client reads it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow_server
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from mlflow_server import MlflowServer
from support.registry_models import register, write_model
from training_job import free_port

READ_BACK = Path(__file__).parent.parent / "support" / "mlflow_read_back.py"
ARRIVES = 120.0  # seconds, beside other tests
MANY = 12


def read_back(server: MlflowServer) -> Json:
    done = subprocess.run(
        [mlflow_server.python(), READ_BACK, server.url, "mlx-hub"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: Json = json.loads(done.stdout)
    return found


def artifacts(server: MlflowServer, uri: str) -> dict[str, str]:
    done = subprocess.run(
        [mlflow_server.python(), READ_BACK, "files", server.url, uri],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def wait_until_told(api: HubClient, timeout: float = ARRIVES) -> Json:
    deadline = time.monotonic() + timeout
    while True:
        state: Json = api.call("GET", "/mlflow")
        if state["waiting"] == 0 and state["state"] == "connected":
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


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
        api.call("PATCH", "/models/polite", json={"description": "says Ho", "tags": {"team": "a"}})
        wait_until_told(api)
        version = api.call("GET", "/models/polite")["versions"][0]
        files = {
            one["name"]: one["sha256"]
            for one in api.call("GET", f"/versions/{version['id']}")["files"]
        }
        reports = api.call("GET", f"/jobs/{job['id']}/metrics", params={"limit": 500})["data"]
        told = api.call("GET", "/models/polite")["mlflow"]
        assert told == {"state": "synced", "url": f"{server.url}/#/models/polite", "error": None}
        assert api.call("GET", "/system")["mlflow"]["state"] == "connected"

        there = read_back(server)
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
        got = artifacts(server, "models:/polite@production")
        assert {name: got[name] for name in files} == files
        assert "MLmodel" in got

        # What goes here is marked there.
        api.call("DELETE", "/models/polite/aliases/production")
        api.call("DELETE", f"/versions/{version['id']}")
        wait_until_told(api)
        model = read_back(server)["models"]["polite"]
        assert model["aliases"] == {}
        assert model["versions"]["1"]["tags"]["hub.deleted"] == "true"
        api.close()


def test_what_happens_while_mlflow_is_down_arrives_afterwards(
    build_dir: Path, tmp_path: Path
) -> None:
    server = MlflowServer(tmp_path / "mlflow", free_port())
    with hub_of(build_dir, server.url) as hub:
        api = HubClient(hub.url)
        names = register_many(api, hub.data_dir / "imports", "late")
        deadline = time.monotonic() + ARRIVES
        state: Json = {}
        while state.get("state") != "unreachable" or state["waiting"] < MANY + 1:
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
            state = api.call("GET", "/mlflow")
        assert state["waiting"] == MANY + 1  # with the default model
        assert "connection refused" in state["error"]
        assert api.call("GET", "/models/late-0")["mlflow"]["state"] == "waiting"
        assert api.chat(DEFAULT_MODEL, "Hi", max_tokens=4)  # nobody minds
        with server:
            api.call("POST", "/mlflow/retry")
            wait_until_told(api)
            there = read_back(server)
        assert {name: len(there["models"][name]["versions"]) for name in names} == dict.fromkeys(
            names, 1
        )
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
        there = read_back(server)
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
        deadline = time.monotonic() + ARRIVES
        while not (state := api.call("GET", "/mlflow"))["refused"]:
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
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
