"""Broken model folders and damaged files: each refused with the reason, nothing is left."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_client import HubClient, HubProcess
from support.registry_models import flip_last_byte, refusal, register, stored_file, write_model
from tiny_models import make_tiny_model, write_rows


def truncate_shard(folder: Path) -> str:
    shard = folder / "model-00002-of-00003.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])
    return "model-00002-of-00003.safetensors: tensor"


def remove_shard(folder: Path) -> str:
    (folder / "model-00003-of-00003.safetensors").unlink()
    return "the shard model-00003-of-00003.safetensors is missing"


def index_leads_out(folder: Path) -> str:
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    first = next(iter(content["weight_map"]))
    content["weight_map"][first] = "../../hub.db"
    index.write_text(json.dumps(content))
    return "must be a plain file name"


def link_leads_out(folder: Path) -> str:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/etc/passwd")
    return "leads outside"


def header_claims_an_exabyte(folder: Path) -> str:
    (folder / "model-00001-of-00003.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    return "claims a header of 1152921504606846976 bytes"


def header_is_a_bomb(folder: Path) -> str:
    entries = ",".join(
        f'"{number}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for number in range(300_000)
    )
    header = f"{{{entries}}}".encode()
    (folder / "model-00001-of-00003.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header
    )
    return "more than 250000 tensors"


def header_nests(folder: Path) -> str:
    header = b'{"t":' + b"[" * 2_000_000
    (folder / "model-00001-of-00003.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header
    )
    return "more than a header's entry has"


def config_contradicts_tensors(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 7}))
    return "'num_hidden_layers' is 7, but the tensors are of 2 layers"


@pytest.mark.parametrize(
    "damage",
    [
        truncate_shard,
        remove_shard,
        index_leads_out,
        link_leads_out,
        header_claims_an_exabyte,
        header_is_a_bomb,
        header_nests,
        config_contradicts_tensors,
    ],
)
def test_a_broken_folder_is_refused(
    api: HubClient, folder: Path, damage: Callable[[Path], str]
) -> None:
    reason = damage(folder)
    status, message = refusal(api, folder)
    assert status in {403, 422}, message
    assert reason in message


def test_every_problem_is_named_at_once(api: HubClient, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_act": "gelu", "rms_norm_eps": -1, "num_attention_heads": 3}
    (folder / "config.json").write_text(json.dumps(config))
    remove_shard(folder)
    status, message = refusal(api, folder)
    assert status == 422
    for part in ("hidden_act", "rms_norm_eps", "num_key_value_heads", "00003-of-00003"):
        assert part in message


def test_a_path_outside_is_refused(api: HubClient, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    assert refusal(api, tmp_path / "model")[0] == 403
    assert refusal(api, Path("/etc/../etc"))[0] == 403


# Damage after registration.


def test_a_flipped_byte_is_found_before_the_model_is_loaded(api: HubClient, folder: Path) -> None:
    model = register(api, "flipped", folder)
    flip_last_byte(stored_file(api, model, "model-00001-of-00003.safetensors"))
    answer = api.request("POST", "/engines/flipped/load")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "model_corrupt"
    assert "model-00001-of-00003.safetensors has SHA-256" in error["message"]
    version = api.call("GET", f"/versions/{model['versions'][0]['id']}")
    assert version["state"] == "corrupt"
    assert "SHA-256" in version["reason"]
    again = api.request("POST", "/v1/completions", json={"model": "flipped", "prompt": "x"})
    assert again.status_code == 422
    # What was damaged is not taken over by a registration of the same bytes.
    other = register(api, "whole", folder)
    checked = api.call("POST", f"/versions/{other['versions'][0]['id']}/verify")
    assert (checked["state"], checked["problems"]) == ("ready", [])


def test_a_file_that_vanished_is_named(api: HubClient, folder: Path) -> None:
    model = register(api, "vanished", folder)
    stored_file(api, model, "model-00002-of-00003.safetensors").unlink()
    error = api.request("POST", "/engines/vanished/load").json()["error"]
    assert "model-00002-of-00003.safetensors is missing" in error["message"]


def test_damage_is_found_before_a_job_loads_the_model(
    api: HubClient, registry: HubProcess, tmp_path: Path
) -> None:
    source = make_tiny_model(registry.data_dir / "imports" / "trained")
    model = register(api, "trained", source)
    api.upload_dataset("rows", write_rows(tmp_path / "rows.jsonl"))
    api.call("POST", "/jobs/queue/pause")
    asked = {"model": "trained", "dataset": "rows", "params": {"max_steps": 1, "batch_size": 1}}
    job = api.submit({"type": "finetune", **asked})
    flip_last_byte(stored_file(api, model, "model.safetensors"))
    api.call("POST", "/jobs/queue/resume")
    ended = api.wait(str(job["id"]), timeout=60)
    assert ended["state"] == "FAILED"
    assert "model.safetensors has SHA-256" in ended["reason"]
