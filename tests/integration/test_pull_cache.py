"""The user's Hugging Face cache, used without copying."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.fake_hub import FakeHub
from support.tiny_llama import repository
from support.transfers import (
    NEEDED,
    REPO,
    file_bytes,
    hf_cache,
    pull,
    refusal,
    register,
)


def test_the_users_cache_is_used_without_copying(
    start: Any, remote: FakeHub, tmp_path: Path
) -> None:
    files = repository()
    commit = remote.add(REPO, files)
    kept = {name: files[name] for name in ("model.safetensors", "README.md")}
    blobs = hf_cache(tmp_path / "hf" / "hub", REPO, commit, kept)
    process, client = start()
    register(client)
    plan = client.call("POST", "/models/tiny/pull", json={"dry_run": True})
    sources = {file["name"]: file["source"] for file in plan["files"]}
    assert sources["model.safetensors"] == sources["README.md"] == "cache"
    assert sources["config.json"] == "download"
    job = pull(client)
    assert job["state"] == "COMPLETED", job["reason"]
    assert remote.downloads("model.safetensors") == []
    assert remote.downloads("README.md") == []
    stored = next(process.data_dir.glob("artifacts/*/v1")) / "model.safetensors"
    assert stored.stat().st_ino == blobs["model.safetensors"].stat().st_ino

    # The same weights again, under another name: the store has them.
    register(client, "twin")
    plan = client.call("POST", "/models/twin/pull", json={"dry_run": True})
    sources = {file["name"]: file["source"] for file in plan["files"]}
    assert sources["model.safetensors"] == "stored"


def test_a_cache_that_lies_is_not_believed(start: Any, remote: FakeHub, tmp_path: Path) -> None:
    files = repository()
    commit = remote.add(REPO, files)
    blobs = hf_cache(tmp_path / "hf" / "hub", REPO, commit, {"README.md": files["README.md"]})
    blobs["README.md"].write_bytes(b"X" * len(files["README.md"]))
    _, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "COMPLETED", job["reason"]
    assert len(remote.downloads("README.md")) == 1


def test_a_whole_cache_serves_offline(start: Any, tmp_path: Path) -> None:
    files = {name: content for name, content in repository().items() if name in NEEDED}
    hf_cache(tmp_path / "hf" / "hub", REPO, "0123456789" * 4, files)
    _, client = start(HF_ENDPOINT="http://127.0.0.1:9")
    register(client)
    plan = client.call("POST", "/models/tiny/pull", json={"dry_run": True})
    assert (plan["from_cache"], plan["download_bytes"]) == (True, 0)
    assert pull(client)["state"] == "COMPLETED"

    hf_cache(tmp_path / "hf" / "hub", "acme/half", "a" * 40, {"config.json": files["config.json"]})
    register(client, "half", "acme/half")
    status, code, message = refusal(client, "half")
    assert (status, code) == (503, "hub_unreachable")
    assert "cache" in message


def test_hf_hub_offline_asks_nobody(start: Any, remote: FakeHub, tmp_path: Path) -> None:
    files = {name: content for name, content in repository().items() if name in NEEDED}
    hf_cache(tmp_path / "hf" / "hub", REPO, remote.add(REPO, files), files)
    _, client = start(HF_HUB_OFFLINE="1")
    register(client)
    register(client, "other", "acme/other")
    assert pull(client)["state"] == "COMPLETED"
    status, code, message = refusal(client, "other")
    assert (status, code) == (503, "hub_unreachable")
    assert "HF_HUB_OFFLINE" in message
    assert remote.requests == []


def test_a_cache_on_another_file_system_is_used_by_reference(
    start: Any, remote: FakeHub, tmp_path: Path
) -> None:
    other = Path("/dev/shm")  # noqa: S108
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    files = repository()
    commit = remote.add(REPO, files)
    with tempfile.TemporaryDirectory(dir=other) as name:
        wanted = {file: files[file] for file in NEEDED}
        blobs = hf_cache(Path(name), REPO, commit, wanted)
        process, client = start(HF_HUB_CACHE=name)
        register(client)
        job = pull(client)
        assert job["state"] == "COMPLETED", job["reason"]
        stored = next(process.data_dir.glob("artifacts/*/v1")) / "model.safetensors"
        assert stored.readlink() == blobs["model.safetensors"]
        got = file_bytes(client, job["result"]["version_id"], "model.safetensors")
        assert got == files["model.safetensors"]
