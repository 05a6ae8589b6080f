"""A text encoder from a Hub on this machine: the one file of a folder within that changes answers comes along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hub_client import HubClient
from support.fake_hub import FakeHub
from support.transfers import file_bytes, hf_cache, pull, register

REPO = "acme/tiny-bert"
ENCODER = Path(__file__).resolve().parents[1] / "golden" / "models" / "encoders" / "bert"
POOLING = json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}).encode()


def repository() -> dict[str, bytes]:
    files = {name: (ENCODER / name).read_bytes() for name in ("config.json", "model.safetensors")}
    return {
        **files,
        "1_Pooling/config.json": POOLING,
        "modules.json": b"[]",
        "sentence_bert_config.json": b'{"max_seq_length": 8}',
    }


def check(client: HubClient, job: dict[str, Any]) -> None:
    assert job["state"] == "COMPLETED", job["reason"]
    version = client.call("GET", f"/versions/{job['result']['version_id']}")
    names = {file["name"] for file in version["files"]}
    flat = {name.replace("1_Pooling/", "1_Pooling_") for name in repository()}
    assert names == flat
    assert file_bytes(client, version["id"], "1_Pooling_config.json") == POOLING
    assert version["capabilities"]["embeddings"] is True
    assert version["capabilities"]["chat"] is False
    assert version["context_length"] == 8


def test_a_pull_brings_how_an_encoder_pools(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, {**repository(), "onnx/config.json": b"{}", "2_Dense/config.json": b"{}"})
    _, client = start()
    register(client, base_model=REPO)
    check(client, pull(client))
    assert not any("onnx" in seen.path or "Dense" in seen.path for seen in remote.requests)


def test_a_push_puts_it_back_in_its_folder(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start(HF_TOKEN=remote.token)
    register(client, base_model=REPO)
    check(client, pull(client))
    job = client.call("POST", "/models/tiny/push", json={"repository": "me/copy"})
    assert client.wait(job["id"])["state"] == "COMPLETED"
    copy = remote.repositories["me/copy"]
    assert copy.commits[copy.head]["1_Pooling/config.json"] == POOLING


def test_a_cache_has_it_too(start: Any, tmp_path: Path) -> None:
    hf_cache(tmp_path / "hf" / "hub", REPO, "0123456789" * 4, repository())
    _, client = start(HF_ENDPOINT="http://127.0.0.1:9")
    register(client, base_model=REPO)
    check(client, pull(client))
