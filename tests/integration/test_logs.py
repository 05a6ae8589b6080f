"""The logs of a real hub and its workers: one view, no secrets, no prompts."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from support.tiny_hub import hub_with, register_tiny_model
from support.transfers import run_cli, wait_for

PROMPT = "The zanzibar quokka asked for marmalade"
SYSTEM = "You are an ocelot of the highest quality"
SECRETS = {
    "mlflow_password": "geheim-mlflow-password",
    "mlflow_token": "geheim-mlflow-token",
    "hf_token": "hf_geheimgeheimgeheimgeheimgeheimgeheim",
}
SHORT: Json = {
    "rank": 2,
    "epochs": 1,
    "max_steps": 4,
    "batch_size": 2,
    "max_seq_length": 64,
    "eval_every": 2,
    "sample_prompts": [PROMPT],
}


class Logged:
    """A hub that chatted, trained and evaluated, and what it is called by."""

    def __init__(self, hub: HubProcess, folder: Path) -> None:
        self.hub = hub
        self.client = register_tiny_model(hub, folder)
        rows = folder / "prompts.jsonl"
        row = {
            "messages": [
                {"role": "user", "content": PROMPT},
                {"role": "assistant", "content": SYSTEM},
            ]
        }
        rows.write_text((json.dumps(row) + "\n") * 8)
        self.client.upload_dataset("prompts", rows)
        self.chat = self.post_chat("log-test-chat", stream=False)
        self.stream = self.post_chat("log-test-stream", stream=True)
        job = {"type": "finetune", "model": "tiny", "dataset": "prompts", "params": SHORT}
        self.job_id = str(self.client.submit(job)["id"])
        ended = self.client.wait(self.job_id)
        assert ended["state"] == "COMPLETED", ended["reason"]
        self.client.evaluate("tiny", "prompts")

    def post_chat(self, request_id: str, stream: bool) -> httpx.Response:
        body = {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": PROMPT},
            ],
            "max_tokens": 4,
            "stream": stream,
        }
        answer = self.client.request(
            "POST",
            "/v1/chat/completions",
            json=body,
            headers={"X-Request-Id": request_id, "User-Agent": "log-test/1"},
            params={"api_key": "geheim-in-the-query"},
        )
        assert answer.is_success, answer.text
        return answer

    def logs(self, **query: object) -> list[Json]:
        return list(self.client.call("GET", "/logs", params=query)["data"])

    def log_files(self) -> list[Path]:
        found = [*self.hub.data_dir.glob("logs/*"), *self.hub.data_dir.glob("jobs/*/log*")]
        return [*found, self.hub.data_dir / "serve.log"]


@pytest.fixture(scope="module")
def logged(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("logged")
    # An MLflow server that nobody runs: its credentials are used all the same.
    with hub_with(build_dir, folder, mlflow_uri="http://127.0.0.1:9", **SECRETS) as hub:
        one = Logged(hub, folder)
        yield one
        one.client.close()


def test_every_line_of_ours_is_json_with_the_stable_fields(logged: Logged) -> None:
    files = [path for path in logged.log_files() if path.name != "serve.log"]
    assert {path.name for path in files} >= {"server.log", "engine-tiny.log", "log.txt"}
    for path in files:
        for line in path.read_text().splitlines():
            record = json.loads(line)
            assert list(record)[:4] == ["time", "level", "event", "process"], line
            assert record["time"].endswith("Z") and len(record["time"]) == 24
            datetime.fromisoformat(record["time"])
    processes = {record["process"] for record in logged.logs(limit=1000)}
    assert {"server", "engine tiny", f"job {logged.job_id}"} <= processes


def test_a_request_is_followed_by_its_id_into_the_engine(logged: Logged) -> None:
    for request_id in ("log-test-chat", "log-test-stream"):
        wait_for(lambda wanted=request_id: len(logged.logs(request_id=wanted)) >= 2)
        records = logged.logs(request_id=request_id)
        assert {record["process"] for record in records} == {"server", "engine tiny"}
        (access,) = [record for record in records if record["event"] == "http_request"]
        assert access["method"] == "POST"
        assert access["path"] == access["route"] == "/v1/chat/completions"
        assert access["status"] == 200
        assert access["model"] == "tiny"
        assert access["client"] in ("127.0.0.1", "::1")
        assert access["user_agent"] == "log-test/1"
        assert access["bytes"] > 0 and access["seconds"] > 0
        (generation,) = [record for record in records if record["event"] == "generation"]
        assert generation["completion_tokens"] >= 1
        assert generation["finish_reason"] in ("stop", "length")


def test_a_jobs_lines_have_its_id(logged: Logged) -> None:
    records = logged.logs(job_id=logged.job_id, limit=1000)
    events = {record["event"] for record in records}
    assert {"job_started", "metric", "sample", "result", "worker_ended", "job_completed"} <= events
    assert {record["process"] for record in records} == {"server", f"job {logged.job_id}"}
    text = logged.client.request("GET", f"/jobs/{logged.job_id}/logs").text
    assert " info metric " in text and "train_loss=" in text
    engine = logged.client.request("GET", "/engines/tiny/logs?lines=5").text
    assert " info generation " in engine


def test_no_prompt_is_logged_at_info(logged: Logged) -> None:
    assert logged.logs(event="sample"), "there is something that could tell it"
    for path in logged.log_files():
        text = path.read_text(errors="replace")
        for word in ("zanzibar", "quokka", "marmalade", "ocelot"):
            assert word not in text, path


def test_no_secret_is_logged_at_any_level(logged: Logged) -> None:
    client = logged.client
    client.call("PUT", "/logs/level", json={"level": "debug"})
    key = str(client.call("POST", "/keys", json={"name": "log", "scopes": ["read"]})["secret"])
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-Api-Key": key}):
        assert client.request("GET", "/models", headers=headers).is_success
        assert client.request("PUT", "/logs/level", headers=headers).status_code == 403
    client.request("GET", f"/models/{key}")  # a client that mixes things up
    client.call("PUT", "/logs/level", json={"level": "info"})
    assert logged.logs(event="request_refused")
    assert logged.logs(event="mlflow_unreachable")
    for path in logged.log_files():
        text = path.read_text(errors="replace")
        for secret in (*SECRETS.values(), key, key[:20], "geheim"):
            assert secret not in text, (path, secret)


def test_only_administrators_read_logs(logged: Logged) -> None:
    keys = {
        scope: str(
            logged.client.call("POST", "/keys", json={"name": scope, "scopes": [scope]})["secret"]
        )
        for scope in ("read", "train", "admin")
    }
    for path in ("/logs", "/logs/level", "/logs?follow=true"):
        for scope in ("read", "train"):
            headers = {"Authorization": f"Bearer {keys[scope]}"}
            assert logged.client.request("GET", path, headers=headers).status_code == 403
    headers = {"Authorization": f"Bearer {keys['admin']}"}
    assert logged.client.request("GET", "/logs", headers=headers).is_success


def test_filters_and_pages(logged: Logged) -> None:
    everything = logged.logs(limit=1000)
    times = [record["time"] for record in everything]
    assert times == sorted(times, reverse=True)
    assert all(record["level"] != "info" for record in logged.logs(level="warning"))
    assert logged.logs(event="engine_ready", process="engine tiny")
    assert not logged.logs(since="0s", event="engine_ready")
    assert not logged.logs(until="1h")
    assert logged.logs(q="log-test/1", event="http_request")
    until = everything[0]["time"]
    paged: list[str] = []
    cursor: str | None = None
    while True:
        query = {
            "limit": 20,
            "until": until,
            "level": "info",
            **({"cursor": cursor} if cursor else {}),
        }
        page = logged.client.call("GET", "/logs", params=query)
        paged += [json.dumps(record) for record in page["data"]]
        assert not page["stopped_early"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    whole = logged.client.call(
        "GET", "/logs", params={"limit": 1000, "until": until, "level": "info"}
    )
    assert whole["next_cursor"] is None
    assert paged == [json.dumps(record) for record in whole["data"]]


def test_probes_are_logged_for_debugging_only(logged: Logged) -> None:
    logged.client.call("PUT", "/logs/level", json={"level": "debug"})
    logged.client.request("GET", "/healthz")
    wait_for(lambda: bool(logged.logs(q='"/healthz"', event="http_request", level="debug")))
    logged.client.call("PUT", "/logs/level", json={"level": "info"})
    assert all(
        record["level"] == "debug" for record in logged.logs(q='"/healthz"', event="http_request")
    )


def test_the_level_reaches_running_workers(logged: Logged) -> None:
    assert logged.client.call("GET", "/logs/level") == {"level": "info", "configured": "info"}
    logged.client.call("PUT", "/logs/level", json={"level": "error"})
    time.sleep(1.5)  # the server tells its workers within a second
    logged.post_chat("log-test-quiet", stream=False)
    logged.client.call("PUT", "/logs/level", json={"level": "info"})
    time.sleep(1.5)
    logged.post_chat("log-test-loud", stream=False)
    wait_for(lambda: len(logged.logs(request_id="log-test-loud")) == 2)
    assert not logged.logs(request_id="log-test-quiet")


def test_following_goes_on_where_it_was(logged: Logged) -> None:
    seen: list[Json] = []
    ids: list[str] = []
    query = "/logs?follow=true&event=http_request&q=follow-"
    connected = threading.Event()

    def follow(last: str | None, count: int) -> None:
        client = HubClient(logged.hub.url)
        with client.events(query, after=last) as events:
            connected.set()
            for event in events:
                assert event.type == "log"
                seen.append(json.loads(event.data))
                ids.append(event.id)
                if len(seen) == count:
                    break
        client.close()

    def ask(name: str) -> None:
        logged.client.request("GET", "/models", headers={"X-Request-Id": name})

    for last, count, names in (
        (None, 2, ("follow-1", "follow-2")),
        ("again", 5, ("follow-4", "follow-5")),
    ):
        connected.clear()
        if last:
            ask("follow-3")  # while nobody listens
            wait_for(lambda: bool(logged.logs(request_id="follow-3")))
        thread = threading.Thread(target=follow, args=(ids[-1] if last else None, count))
        thread.start()
        assert connected.wait(10)
        time.sleep(0.2)
        for name in names:
            ask(name)
        thread.join(20)
        assert not thread.is_alive(), seen
    assert [record["request_id"] for record in seen] == [f"follow-{i}" for i in range(1, 6)]


def test_the_command_line_shows_them(logged: Logged, build_dir: Path) -> None:
    done = run_cli(
        build_dir, logged.hub, "logs", "--request", "log-test-chat", "--event", "http_request"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert " info http_request process=server request_id=log-test-chat " in done.stdout
    done = run_cli(build_dir, logged.hub, "logs", "--level", "warning", "--since", "1h", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records and all(record["level"] in ("warning", "error") for record in records)
    done = run_cli(build_dir, logged.hub, "logs", "--since", "soon")
    assert done.returncode != 0 and "since" in done.stderr


def test_files_rotate_and_stay_readable(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path, log_file_bytes="65536", log_level="debug") as hub:
        client = HubClient(hub.url)
        for number in range(1200):
            client.request("GET", "/healthz", headers={"X-Request-Id": f"rotate-{number}"})
        names = sorted(path.name for path in (tmp_path / "data/logs").iterdir())
        assert names == ["server.1.log", "server.2.log", "server.3.log", "server.log"]
        assert all(path.stat().st_size <= 65536 for path in (tmp_path / "data/logs").iterdir())
        for number in (1199, 900, 700):
            (record,) = client.call("GET", "/logs", params={"request_id": f"rotate-{number}"})[
                "data"
            ]
            assert record["path"] == "/healthz"
        hub.restart()
        client.close()
        client = HubClient(hub.url)
        assert client.call("GET", "/logs", params={"request_id": "rotate-1199"})["data"]
        assert client.call("GET", "/logs/level")["level"] == "debug"
        client.close()


def test_a_full_disk_for_logs_stops_nothing(
    build_dir: Path, small_disk: Path, tmp_path: Path
) -> None:
    with hub_with(build_dir, tmp_path) as hub:
        hub.stop()
        logs = tmp_path / "data" / "logs"
        for path in logs.iterdir():
            path.unlink()
        logs.rmdir()
        logs.symlink_to(small_disk)
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(os.urandom(1 << 16))
                    file.flush()
            except OSError:
                pass
        hub.start()
        client = HubClient(hub.url)
        assert client.chat(DEFAULT_MODEL, "Hello", max_tokens=1) is not None
        assert "http_request" in hub.log, "standard error still has it"
        assert not client.call("GET", "/logs")["data"]
        filler.unlink()
        time.sleep(6)  # a file that failed is opened again after five seconds
        client.request("GET", "/models", headers={"X-Request-Id": "room-again"})
        wait_for(
            lambda: bool(client.call("GET", "/logs", params={"request_id": "room-again"})["data"])
        )
        client.close()


def test_a_damaged_line_of_a_model_name_is_one_record(logged: Logged) -> None:
    name = "a\nb\x1b[31m\x7f" + "x" * 30
    answer = logged.client.request(
        "POST",
        "/v1/chat/completions",
        json={"model": name, "messages": [{"role": "user", "content": "x"}]},
        headers={"X-Request-Id": "log-test-evil"},
    )
    assert answer.status_code in (400, 404)
    wait_for(lambda: bool(logged.logs(request_id="log-test-evil", event="http_request")))
    (record,) = logged.logs(request_id="log-test-evil", event="http_request")
    assert record["model"] == name
