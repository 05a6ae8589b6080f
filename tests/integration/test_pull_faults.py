"""Pulls while something goes wrong: connections, bytes, permissions, disks, the server itself."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fake_hub import FakeHub
from support.tiny_llama import repository
from support.transfers import (
    REPO,
    file_bytes,
    has_ended,
    largest_part,
    pull,
    refusal,
    register,
    wait_for,
)


def test_a_cut_connection_goes_on_by_range(start: Any, remote: FakeHub) -> None:
    files = repository()
    size = len(files["model.safetensors"])
    remote.add(REPO, files)
    remote.faults.cut_after["model.safetensors"] = [size // 3, size // 3, 10]
    _, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "COMPLETED", job["reason"]
    ranges = [
        seen.headers.get("range")
        for seen in remote.downloads("model.safetensors")
        if seen.server == "lfs"
    ]
    # First the header for the plan, twice (request and job); then the file in four pieces.
    whole = [asked for asked in ranges if asked is None or asked.endswith("-")]
    third = size // 3
    assert whole == [None, f"bytes={third}-", f"bytes={2 * third}-", f"bytes={2 * third + 10}-"]


@pytest.mark.parametrize("name", ["model.safetensors", "README.md"])
def test_a_wrong_byte_is_found(start: Any, remote: FakeHub, name: str) -> None:
    remote.add(REPO, repository())
    remote.faults.flip_byte.add(name)
    process, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "FAILED"
    assert name in job["reason"]
    assert "thrown away" in job["reason"]
    assert client.call("GET", "/models/tiny")["state"] == "pending"
    assert not list(process.data_dir.glob("artifacts/*/v1"))

    remote.faults.flip_byte.clear()
    assert pull(client)["state"] == "COMPLETED"


def test_a_wrong_size_is_found(start: Any, remote: FakeHub) -> None:
    files = repository()
    remote.add(REPO, files)
    remote.faults.listed_size["README.md"] = len(files["README.md"]) - 3
    _, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "FAILED"
    assert "README.md" in job["reason"]
    assert "more arrived" in job["reason"]

    remote.faults.listed_size["README.md"] = len(files["README.md"]) + 3
    job = pull(client)
    assert job["state"] == "FAILED"
    assert "README.md" in job["reason"]


def test_refusals_say_what_to_do(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    remote.add("acme/closed", repository(), private=True)
    remote.add("acme/gated", repository(), gated=True)
    _, client = start()
    register(client)
    register(client, "closed", "acme/closed")
    register(client, "gated", "acme/gated")
    register(client, "absent", "acme/absent")

    status, code, message = refusal(client, "absent")
    assert (status, code) == (403, "hub_token_required")
    assert "HF_TOKEN" in message
    status, code, message = refusal(client, "closed")
    assert (status, code) == (403, "hub_token_required")
    status, code, message = refusal(client, "gated")
    assert (status, code) == (403, "repository_gated")
    assert f"{remote.url}/acme/gated" in message
    status, code, message = refusal(client, revision="v9")
    assert (status, code) == (404, "revision_not_found")
    assert "v9" in message
    status, code, message = refusal(client, revision="../../etc")
    assert status == 400
    assert "revision" in message


def test_a_token_opens_a_private_repository(start: Any, remote: FakeHub, tmp_path: Path) -> None:
    remote.add("acme/closed", repository(), private=True)
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text(remote.token + "\n")
    _, client = start()
    register(client, "closed", "acme/closed")
    assert pull(client, "closed")["state"] == "COMPLETED"
    for seen in remote.requests:
        sent = seen.headers.get("authorization")
        assert sent == (f"Bearer {remote.token}" if seen.server == "hub" else None), seen


def test_a_refused_token_is_told(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start(HF_TOKEN="hf_wrong")
    register(client)
    status, code, message = refusal(client)
    assert (status, code) == (403, "hub_token_refused")
    assert "hf_wrong" not in message


def test_too_many_requests_are_waited_for(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start()
    register(client)
    remote.faults.refusals += [
        ("/api/models", 429, {"Retry-After": "1"}),
        ("/resolve/", 429, {"Retry-After": "1"}),
        ("/resolve/", 503, {}),
    ]
    begin = time.monotonic()
    assert pull(client)["state"] == "COMPLETED"
    assert time.monotonic() - begin > 2.0
    assert remote.faults.refusals == []

    remote.add("acme/busy", repository(seed=2))
    register(client, "busy", "acme/busy")
    remote.faults.refusals += [("/api/models", 429, {"Retry-After": "0"})] * 9
    status, code, message = refusal(client, "busy")
    assert (status, code) == (429, "hub_rate_limited")
    assert "HF_TOKEN" in message


def test_offline_says_what_to_do(start: Any) -> None:
    _, client = start(HF_ENDPOINT="http://127.0.0.1:9")
    register(client)
    status, code, message = refusal(client)
    assert (status, code) == (503, "hub_unreachable")
    for word in ("offline", "HF_ENDPOINT", "mlx-hub import"):
        assert word in message


def test_a_pull_is_cancelled_within_a_second_and_goes_on_later(start: Any, remote: FakeHub) -> None:
    files = repository(hidden_size=256, head_dim=64, intermediate_size=512)
    size = len(files["model.safetensors"])
    assert size > 1_500_000
    remote.add(REPO, files)
    remote.faults.bytes_per_second["model.safetensors"] = 400_000
    process, client = start()
    register(client)
    job = client.call("POST", "/models/tiny/pull", json={})
    assert client.call("POST", "/models/tiny/pull", json={})["id"] == job["id"]

    part = process.data_dir / "downloads" / "acme--tiny-llama"
    wait_for(lambda: largest_part(part) > 300_000)
    begin = time.monotonic()
    client.call("POST", f"/jobs/{job['id']}/cancel")
    ended = client.wait(job["id"], timeout=10)
    assert time.monotonic() - begin < 1.5
    assert ended["state"] == "CANCELLED"
    assert ended["progress"]["total"] > size

    kept = largest_part(part)
    plan = client.call("POST", "/models/tiny/pull", json={"dry_run": True})
    assert plan["download_bytes"] <= plan["total_bytes"] - kept
    remote.faults.bytes_per_second.clear()
    remote.requests.clear()
    assert pull(client)["state"] == "COMPLETED"
    assert remote.sent_bytes("model.safetensors") < size - kept + 200_000
    assert not part.exists()


def test_a_killed_server_goes_on_with_its_pull(start: Any, remote: FakeHub) -> None:
    files = repository(hidden_size=256, head_dim=64, intermediate_size=512)
    size = len(files["model.safetensors"])
    remote.add(REPO, files)
    remote.faults.bytes_per_second["model.safetensors"] = 500_000
    process, client = start()
    register(client)
    job = client.call("POST", "/models/tiny/pull", json={})
    part = process.data_dir / "downloads" / "acme--tiny-llama"
    wait_for(lambda: largest_part(part) > 400_000)
    os.kill(process.pid, 9)
    process.stop()
    kept = largest_part(part)
    remote.faults.bytes_per_second.clear()
    remote.requests.clear()

    _, again = start(process.data_dir)
    ended = again.wait(job["id"], timeout=60)
    assert ended["state"] == "COMPLETED", ended["reason"]
    transfers = [
        seen.headers.get("range")
        for seen in remote.downloads("model.safetensors")
        if seen.server == "lfs" and not (seen.headers.get("range") or "").startswith("bytes=0-")
    ]
    assert transfers == [f"bytes={kept}-"]
    assert remote.sent_bytes("model.safetensors") < size - kept + 200_000
    got = file_bytes(again, ended["result"]["version_id"], "model.safetensors")
    assert got == files["model.safetensors"]


def test_kills_at_any_moment_lose_nothing(start: Any, remote: FakeHub) -> None:
    """Also while files are stored and described: the job ends once, and every byte is right."""
    files = repository(shards=3, hidden_size=256, head_dim=64, intermediate_size=512)
    remote.add(REPO, files)
    for name in files:
        remote.faults.bytes_per_second[name] = 250_000
    process, client = start()
    register(client)
    job = client.call("POST", "/models/tiny/pull", json={})
    chance = random.Random(5)
    for _ in range(6):
        time.sleep(chance.uniform(0.05, 0.9))
        os.kill(process.pid, 9)
        process.stop()
        process, client = start(process.data_dir)
    remote.faults.bytes_per_second.clear()
    ended = client.wait(job["id"], timeout=60)
    assert ended["state"] == "COMPLETED", ended["reason"]
    with client.events(f"/jobs/{job['id']}/events") as events:
        types = [event.type for event in events]
    assert types.count("job.completed") == 1
    for name in (name for name in files if name.endswith(".safetensors")):
        assert file_bytes(client, ended["result"]["version_id"], name) == files[name]
    assert not (process.data_dir / "downloads" / "acme--tiny-llama").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"mounting a tmpfs is not permitted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_keeps_what_arrived(start: Any, remote: FakeHub, small_disk: Path) -> None:
    files = repository(hidden_size=512, head_dim=128, intermediate_size=1024)
    size = len(files["model.safetensors"])
    assert 5_000_000 < size < 12_000_000
    remote.add(REPO, files)
    remote.faults.bytes_per_second["model.safetensors"] = 3_000_000
    _, client = start(small_disk / "data")
    register(client)
    job = client.call("POST", "/models/tiny/pull", json={})
    part = small_disk / "data" / "downloads" / "acme--tiny-llama"
    wait_for(lambda: largest_part(part) > 500_000)
    filler = small_disk / "filler"
    with filler.open("wb") as file:  # all that is left but a little
        free = os.statvfs(small_disk).f_bavail * 4096
        file.write(b"\0" * max(0, free - 1_000_000))
    wait_for(lambda: os.statvfs(small_disk).f_bavail == 0 or has_ended(client, job["id"]))
    time.sleep(1.0)
    filler.unlink()
    ended = client.wait(job["id"], timeout=30)
    assert ended["state"] == "FAILED"
    assert "disk is full" in ended["reason"]
    kept = largest_part(part)
    assert kept > 500_000

    remote.faults.bytes_per_second.clear()
    remote.requests.clear()
    again = pull(client)
    assert again["state"] == "COMPLETED", again["reason"]
    assert remote.sent_bytes("model.safetensors") < size - kept + 200_000

    # Before a download it is refused with the figures.
    remote.add(
        "acme/large", repository(seed=3, hidden_size=512, head_dim=128, intermediate_size=1024)
    )
    register(client, "large", "acme/large")
    filler.write_bytes(b"\0" * (os.statvfs(small_disk).f_bavail * 4096 - 4_000_000))
    status, code, message = refusal(client, "large")
    assert (status, code) == (422, "insufficient_disk")
    assert "free" in message
