"""`POST /models/{id}/pull` and `mlx-hub pull` against a Hub on this machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
from support.fake_hub import FakeHub
from support.tiny_llama import repository
from support.transfers import (
    NEEDED,
    REPO,
    Json,
    file_bytes,
    pull,
    refusal,
    register,
    run_cli,
)

NOT_NEEDED = {"pytorch_model.bin", "modeling_tiny.py", "onnx/model.onnx"}


def test_a_pull_brings_what_a_model_needs(start: Any, remote: FakeHub) -> None:
    files = repository(shards=3)
    commit = remote.add(REPO, files)
    _, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "COMPLETED", job["reason"]
    assert job["type"] == "pull"
    assert job["details"]["commit"] == commit

    version = client.call("GET", f"/versions/{job['result']['version_id']}")
    assert version["state"] == "ready"
    assert version["source"] == {"repository": REPO, "revision": "main", "commit": commit}
    names = {file["name"] for file in version["files"]}
    assert names == set(files) - NOT_NEEDED
    for file in version["files"]:
        assert file_bytes(client, version["id"], file["name"]) == files[file["name"]]
    asked = " ".join(seen.path for seen in remote.requests)
    assert not any(name in asked for name in NOT_NEEDED)
    model = client.call("GET", "/models/tiny")
    assert (model["state"], model["architecture"]) == ("ready", "llama")


def test_a_second_pull_of_the_same_commit_downloads_nothing(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start()
    register(client)
    first = pull(client)
    remote.requests.clear()
    again = pull(client)
    assert (again["state"], again["details"]["unchanged"]) == ("COMPLETED", True)
    assert again["result"] == first["result"]
    assert all(seen.headers.get("range") or "config" in seen.path for seen in remote.downloads())

    remote.add(REPO, repository(seed=1))
    newer = pull(client)
    assert newer["state"] == "COMPLETED", newer["reason"]
    assert newer["result"]["version"] == 2
    numbers = [v["version"] for v in client.call("GET", "/models/tiny/versions")["data"]]
    assert numbers == [2, 1]


def test_files_come_in_parallel(start: Any, remote: FakeHub) -> None:
    files = repository(shards=3, hidden_size=256, head_dim=64, intermediate_size=512)
    shards = [name for name in files if name.endswith(".safetensors")]
    remote.add(REPO, files)
    for shard in shards:
        remote.faults.bytes_per_second[shard] = len(files[shard]) // 2
    _, client = start()
    register(client)
    begin = time.monotonic()
    assert pull(client)["state"] == "COMPLETED"
    # Two seconds each, beside the reading of their headers (twice).
    assert time.monotonic() - begin < 5.5


def test_a_renamed_repository_is_followed(start: Any, remote: FakeHub) -> None:
    remote.add("acme/newer", repository())
    remote.add(REPO, repository())
    remote.repositories[REPO].renamed_to = "acme/newer"
    _, client = start()
    register(client)
    assert pull(client)["state"] == "COMPLETED"


def test_a_mirror_without_sizes_is_asked_for_each_file(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    remote.faults.no_sizes = True
    _, client = start()
    register(client)
    assert pull(client)["state"] == "COMPLETED"
    assert any(seen.method == "HEAD" for seen in remote.requests)


def test_what_does_not_fit_is_refused_with_figures(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start(arguments=("--memory-budget-bytes", "1000000"))
    register(client)
    plan = client.call("POST", "/models/tiny/pull", json={"dry_run": True})
    assert (plan["fits_memory"], plan["fits_disk"]) == (False, True)
    assert plan["memory_required_bytes"] > plan["memory_budget_bytes"] == 1_000_000
    status, code, message = refusal(client)
    assert (status, code) == (422, "insufficient_memory")
    assert "1000000" in message
    assert str(plan["memory_required_bytes"]) in message
    assert remote.sent_bytes("model.safetensors") < 70_000 * 2
    answer = client.request(
        "POST", "/models", json={"name": "other", "base_model": REPO, "pull": True}
    )
    assert answer.status_code == 422
    assert client.request("GET", "/models/other").status_code == 404
    assert pull(client, force=True)["state"] == "COMPLETED"


def test_what_is_no_model_is_refused_before_the_download(start: Any, remote: FakeHub) -> None:
    files = repository(shards=2)
    shard = "model-00002-of-00002.safetensors"
    remote.add("acme/hole", {name: files[name] for name in files if name != shard})
    remote.add("acme/short", {**files, shard: files[shard][:-7]})
    remote.add("acme/alien", repository(model_type="warpdrive"))
    remote.add("acme/pickled", {n: files[n] for n in files if not n.endswith(".safetensors")})
    remote.add("acme/data", {"README.md": b"# data"})
    _, client = start()
    for name, word in {
        "hole": shard,
        "short": shard,
        "alien": "warpdrive",
        "pickled": "safetensors",
        "data": "config.json",
    }.items():
        register(client, name, f"acme/{name}")
        status, _, message = refusal(client, name)
        assert status == 422, name
        assert word in message
        assert ".plan-" not in message


def test_pull_with_the_registration(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start()
    model = client.call("POST", "/models", json={"name": "tiny", "base_model": REPO, "pull": True})
    job = client.wait(str(model["pull_job_id"]), timeout=60)
    assert job["state"] == "COMPLETED", job["reason"]
    answer = client.request(
        "POST", "/models", json={"name": "x", "base_model": "tiny", "pull": True}
    )
    assert answer.status_code == 400
    status, code, _ = refusal(client, "smollm2-135m-instruct")
    assert (status, code) == (409, "not_from_hub")


def test_the_command_line_pulls(start: Any, remote: FakeHub, build_dir: Path) -> None:
    remote.add(REPO, repository())
    process, client = start()
    shown = run_cli(build_dir, process, "pull", REPO, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "5 files" in shown.stderr
    assert "memory:" in shown.stderr
    assert client.request("GET", "/models/tiny-llama").status_code == 404
    pulled = run_cli(build_dir, process, "pull", REPO, "--name", "mine")
    assert pulled.returncode == 0, pulled.stderr
    assert "model mine version 1" in pulled.stdout
    as_json = run_cli(build_dir, process, "pull", REPO, "--name", "mine", "--json")
    assert json.loads(as_json.stdout.splitlines()[-1])["state"] == "COMPLETED"

    failed = run_cli(build_dir, process, "pull", "acme/absent")
    assert failed.returncode == 1
    assert "HF_TOKEN" in failed.stderr
    assert client.request("GET", "/models/absent").status_code == 404
    other = run_cli(build_dir, process, "pull", "acme/other", "--name", "mine")
    assert other.returncode == 1
    assert "--name" in other.stderr


def test_progress_tells_bytes_files_and_speed(start: Any, remote: FakeHub) -> None:
    files = repository(hidden_size=256, head_dim=64, intermediate_size=512)
    remote.add(REPO, files)
    remote.faults.bytes_per_second["model.safetensors"] = 700_000
    _, client = start()
    register(client)
    job = client.call("POST", "/models/tiny/pull", json={})
    seen: list[Json] = []
    with client.events(f"/jobs/{job['id']}/events") as events:
        for event in events:
            record = json.loads(event.data)
            if record["type"] == "job.progress":
                seen.append(record["data"])
    total = sum(len(files[name]) for name in NEEDED)
    assert len(seen) >= 3
    assert all(data["unit"] == "bytes" and data["total"] == total for data in seen)
    assert seen[-1]["step"] == total
    assert (seen[-1]["files_done"], seen[-1]["files_total"]) == (5, 5)
    assert any(300_000 < (data["bytes_per_second"] or 0) < 1_500_000 for data in seen)
    assert any((data["eta_seconds"] or 0) > 0 for data in seen)
    httpx.get(client.url + "/healthz").raise_for_status()
