"""kill -9 of a worker: what was in flight ends with an error, the hub goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess
from package_files import cache_folder


def children(pid: int, kind: str) -> list[int]:
    """Processes started by `pid` whose command line is `mlx-hub-worker <kind> …`."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        alive = stat[0] != "Z" and int(stat[1]) == pid
        if (
            alive
            and len(command) > 1
            and b"mlx-hub-worker" in command[0]
            and command[1].decode() == kind
        ):
            found.append(int(folder.name))
    return found


def wait_for_child(pid: int, kind: str) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := children(pid, kind):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {kind} worker was started")


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@needs_proc
def test_an_engine_that_dies_ends_the_stream_with_an_error(own_hub: HubProcess) -> None:
    client = HubClient(own_hub.url)
    body = {
        "model": DEFAULT_MODEL,
        "prompt": "Once upon a time",
        "max_tokens": 4000,
        "stream": True,
    }
    lines: list[str] = []
    with client.http.stream("POST", "/v1/completions", json=body) as answer:
        for line in answer.iter_lines():
            lines.append(line)
            if (
                line.startswith("data:")
                and len([one for one in lines if one.startswith("data:")]) == 3
            ):
                os.kill(wait_for_child(own_hub.pid, "engine"), signal.SIGKILL)
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert "data: [DONE]" not in lines
    assert "error" in events[-1], events[-1]
    assert events[-1]["error"]["message"]
    # The next request starts a new engine.
    assert client.chat(
        DEFAULT_MODEL, "What is the capital of France?", temperature=0, max_tokens=16
    )
    client.close()


@needs_proc
def test_a_request_whose_engine_dies_before_it_answers_goes_to_a_new_one(
    own_hub: HubProcess,
) -> None:
    client = HubClient(own_hub.url)
    client.chat(DEFAULT_MODEL, "Hello", temperature=0, max_tokens=1)
    engine = wait_for_child(own_hub.pid, "engine")
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(
            client.chat, DEFAULT_MODEL, "Count to one hundred.", temperature=0, max_tokens=200
        )
        time.sleep(0.3)
        os.kill(engine, signal.SIGKILL)
        assert answer.result(60)
    assert wait_for_child(own_hub.pid, "engine") != engine
    client.close()


@needs_proc
def test_a_trainer_that_dies_is_tried_again_and_then_fails_with_the_reason(
    build_dir: Path,
) -> None:
    environment = {"MLX_HUB_JOB_MAX_ATTEMPTS": "2", "MLX_HUB_JOB_RETRY_SECONDS": "0.2"}
    with HubProcess(build_dir, environment=environment) as hub:
        client = HubClient(hub.url)
        client.upload_dataset("rows", cache_folder() / "data" / "trivia-v1" / "train.jsonl")
        params = {"max_steps": 10_000, "epochs": 10_000, "batch_size": 1, "max_seq_length": 64}
        request = {
            "type": "finetune",
            "model": DEFAULT_MODEL,
            "dataset": "rows",
            "params": {**params, "save_every": 2},
            "output": {"name": "never"},
        }
        job = client.submit(request)
        killed: set[int] = set()
        with client.events(f"/jobs/{job['id']}/events") as stream:
            for event in stream:
                step = json.loads(event.data)["data"].get("step", 0)
                if "train_loss" in json.loads(event.data)["data"] and step >= 3:
                    pid = wait_for_child(hub.pid, "job")
                    if pid not in killed:
                        os.kill(pid, signal.SIGKILL)
                        killed.add(pid)
                if len(killed) == 2:
                    break
        done = client.wait(job["id"], timeout=60)
        assert done["state"] == "FAILED"
        assert "signal 9" in done["reason"] and "2 attempts" in done["reason"], done["reason"]
        assert done["attempt"] == 2
        assert "goes on after step" in client.request("GET", f"/jobs/{job['id']}/logs").text
        assert not client.request("GET", "/models/never").is_success
        # The lane is free again.
        again = client.submit(
            {**request, "params": {**params, "max_steps": 1}, "output": {"name": "after"}}
        )
        assert client.wait(again["id"])["state"] == "COMPLETED"
        client.close()


@needs_proc
def test_a_hub_that_dies_leaves_no_worker_behind(own_hub: HubProcess) -> None:
    client = HubClient(own_hub.url)
    client.chat(DEFAULT_MODEL, "Hello", max_tokens=1)
    engine = wait_for_child(own_hub.pid, "engine")
    os.kill(own_hub.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{engine}").exists() and time.monotonic() < deadline:
        state = Path(f"/proc/{engine}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "Z":
            break
        time.sleep(0.1)
    else:
        assert not Path(f"/proc/{engine}").exists()
    # A restart on the same folder takes over.
    own_hub.restart()
    assert HubClient(own_hub.url).chat(DEFAULT_MODEL, "Hello", max_tokens=1) is not None


def test_what_was_registered_survives_a_restart(own_hub: HubProcess) -> None:
    client = HubClient(own_hub.url)
    dataset = client.upload_dataset("kept", cache_folder() / "data" / "trivia-v1" / "valid.jsonl")
    models = client.call("GET", "/models")["data"]
    own_hub.restart()
    client = HubClient(own_hub.url)
    assert client.call("GET", "/datasets/kept")["digest"] == dataset["digest"]
    assert client.call("GET", "/models")["data"] == models
    client.close()


def test_a_folder_has_one_server(own_hub: HubProcess, build_dir: Path) -> None:
    second = HubProcess(build_dir, data_dir=own_hub.data_dir)
    with pytest.raises(HubError, match=own_hub.url):
        second.start()
    assert HubClient(own_hub.url).request("GET", "/readyz").is_success
