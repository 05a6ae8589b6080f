"""`POST /models/{id}/push` and `mlx-hub push`: what is pushed pulls back equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_client import HubClient
from support.fake_hub import FakeHub
from support.tiny_llama import repository, with_tokenizer
from support.transfers import REPO, Json, default_model, pull, refusal, register, run_cli, submit


def push(client: HubClient, name: str, **body: Any) -> Json:
    """The ended job."""
    job = client.call("POST", f"/models/{name}/push", json=body)
    return client.wait(str(job["id"]), timeout=60)


def digest(client: HubClient, name: str, version: int = 1) -> str:
    for found in client.call("GET", f"/models/{name}/versions")["data"]:
        if found["version"] == version:
            return str(found["digest"])
    raise AssertionError(f"no version {version} of {name}")


def card(remote: FakeHub, name: str) -> tuple[Json, str]:
    """The front matter and the text of a repository's README.md."""
    found = remote.repositories[name]
    text = found.commits[found.head]["README.md"].decode()
    _, matter, body = text.split("---\n", 2)
    return yaml.safe_load(matter), body


@pytest.mark.parametrize("chunk_bytes", [0, 20_000])
def test_a_model_comes_back_equal(start: Any, remote: FakeHub, chunk_bytes: int) -> None:
    remote.add(REPO, repository())
    _, client = start(HF_TOKEN=remote.token)
    register(client)
    assert pull(client)["state"] == "COMPLETED"
    remote.lfs.clear()  # so that the weights are sent again
    remote.faults.chunk_bytes = chunk_bytes
    job = push(client, "tiny", repository="me/tiny-again")
    assert job["state"] == "COMPLETED", job["reason"]
    assert job["details"]["commit"] == remote.repositories["me/tiny-again"].head
    matter, body = card(remote, "me/tiny-again")
    assert matter["base_model"] == REPO
    assert digest(client, "tiny") in body
    assert "mlx_lm.generate --model me/tiny-again" in body

    register(client, "again", "me/tiny-again")
    back = pull(client, "again")
    assert back["state"] == "COMPLETED", back["reason"]
    assert digest(client, "again") == digest(client, "tiny")
    sent = remote.repositories["me/tiny-again"]
    weights = sent.commits[sent.head]["model.safetensors"]
    assert weights == repository()["model.safetensors"]
    # Pushed again, the weights are there already.
    remote.requests.clear()
    assert push(client, "tiny", repository="me/tiny-again")["state"] == "COMPLETED"
    assert not any(seen.method == "PUT" for seen in remote.requests)


def test_an_adapter_comes_back_equal(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, with_tokenizer(repository(vocab_size=49152), default_model()))
    process, client = start(HF_TOKEN=remote.token)
    register(client)
    trained = client.wait(submit(client, name="facts")["id"], timeout=120)
    assert trained["state"] == "COMPLETED", trained["reason"]
    job = push(client, "facts", repository="me/facts-lora", message="First", private=True)
    assert job["state"] == "COMPLETED", job["reason"]
    found = remote.repositories["me/facts-lora"]
    assert found.private
    matter, body = card(remote, "me/facts-lora")
    assert (matter["base_model"], matter["base_model_relation"]) == (REPO, "adapter")
    rows = client.call("GET", "/datasets/rows")
    assert rows["digest"] in body
    assert "| learning_rate |" in body
    assert "| train_loss |" in body
    assert f"mlx_lm.generate --model {REPO} --adapter-path facts-lora" in body
    note = json.loads(found.commits[found.head]["mlx_hub.json"])
    assert note["digest"] == digest(client, "facts")
    assert note["base_digest"] == digest(client, "tiny")
    everything = b"".join(found.commits[found.head].values())
    assert str(process.data_dir).encode() not in everything

    register(client, "facts-again", "me/facts-lora")
    other = pull(client, "facts-again", base="smollm2-135m-instruct")
    assert other["state"] == "FAILED"
    assert "was trained on a base with the digest" in other["reason"]
    back = pull(client, "facts-again")
    assert back["state"] == "COMPLETED", back["reason"]
    assert digest(client, "facts-again") == digest(client, "facts")
    version = client.call("GET", f"/versions/{back['result']['version_id']}")
    assert (version["kind"], version["base"]["model"]) == ("adapter", "tiny")


def test_an_adapter_needs_its_base(start: Any, remote: FakeHub) -> None:
    adapter = {
        "adapter_config.json": b'{"fine_tune_type":"lora","num_layers":1,'
        b'"lora_parameters":{"rank":2,"scale":1.0,"dropout":0.0,"keys":["self_attn.q_proj"]}}',
    }
    remote.add("acme/nothing", adapter)
    _, client = start()
    register(client, "nothing", "acme/nothing")
    status, _, message = refusal(client, "nothing")
    assert status == 422
    assert "adapters.safetensors" in message


def test_a_wrong_digest_in_the_note_is_found(start: Any, remote: FakeHub) -> None:
    note = json.dumps({"format": 1, "digest": "0" * 64}).encode()
    remote.add(REPO, {**repository(), "mlx_hub.json": note})
    _, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "FAILED"
    assert "0" * 64 in job["reason"]


def test_pushes_that_cannot_work_say_why(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    _, client = start()
    register(client)

    def refused(**body: Any) -> tuple[int, str]:
        answer = client.request("POST", "/models/tiny/push", json=body)
        return answer.status_code, str(answer.json()["error"]["message"])

    assert refused(repository="me/x")[0] == 422  # its weights are not here
    assert pull(client)["state"] == "COMPLETED"
    status, message = refused(repository="me/x")
    assert (status, "HF_TOKEN" in message) == (403, True)
    assert refused(repository="nonsense")[0] == 400
    assert refused(repository="me/x", revision="a b")[0] == 400
    assert refused(repository="me/x", model="smollm2-135m-instruct")[0] == 400
    assert refused(repository="me/x", colour="red")[0] == 400


def test_a_refused_token_and_a_lost_upload(start: Any, remote: FakeHub, build_dir: Path) -> None:
    remote.add(REPO, repository())
    process, client = start(HF_TOKEN=remote.token)
    register(client)
    assert pull(client)["state"] == "COMPLETED"
    remote.lfs.clear()
    remote.faults.refusals += [("/upload/", 503, {}), ("/objects/batch", 500, {})]
    pushed = run_cli(build_dir, process, "push", "tiny", "--repo", "me/tiny")
    assert pushed.returncode == 0, pushed.stderr
    assert "/me/tiny/commit/" in pushed.stdout

    remote.token = "hf_" + "n" * 20
    failed = run_cli(build_dir, process, "push", "tiny:1", "--repo", "me/other")
    assert failed.returncode == 1
    assert "token" in failed.stderr
    job = push(client, "tiny", repository="me/tiny")
    assert (job["state"], "hf_" in job["reason"]) == ("FAILED", False)
