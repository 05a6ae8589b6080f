"""Answers of a model in training: what they say, where they appear, and that they change nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hub_client import HubClient, HubProcess, Json
from tiny_models import make_tiny_model, write_rows

PROMPTS = ["Count from 3.", "Count from 5."]


@pytest.fixture
def hub(start: Any, tmp_path: Path) -> tuple[HubProcess, HubClient]:
    process, client = cast(
        tuple[HubProcess, HubClient], start(arguments=("--allow-path", str(tmp_path)))
    )
    model = make_tiny_model(tmp_path / "tiny")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 256}))
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("counting", write_rows(tmp_path / "rows.jsonl"))
    return process, client


def train(client: HubClient, name: str, **params: Any) -> Json:
    given = {"learning_rate": 5e-3, "max_steps": 6, "batch_size": 4, "eval_every": 3, "seed": 1,
             "max_seq_length": 128}  # fmt: skip
    job = client.submit({
        "type": "finetune", "model": "tiny", "dataset": "counting", "output": {"name": name},
        "params": {**given, **params},
    })  # fmt: skip
    return client.wait(str(job["id"]), timeout=120)


def greedy(client: HubClient, model: str, prompt: str) -> str:
    return client.chat(model, prompt, temperature=0, max_tokens=8)


def test_samples_are_what_the_model_would_answer(
    hub: tuple[HubProcess, HubClient],
) -> None:
    _, client = hub
    job = train(client, "sampled", sample_prompts=PROMPTS, sample_max_tokens=8)
    assert job["state"] == "COMPLETED", job["reason"]
    samples = client.call("GET", f"/jobs/{job['id']}/samples")["data"]
    assert [(s["step"], s["index"]) for s in samples] == [
        (0, 0),
        (0, 1),
        (3, 0),
        (3, 1),
        (6, 0),
        (6, 1),
    ]
    assert [s["prompt"] for s in samples] == PROMPTS * 3
    assert [s["text"] for s in samples[:2]] == [greedy(client, "tiny", p) for p in PROMPTS]
    assert [s["text"] for s in samples[4:]] == [greedy(client, "sampled", p) for p in PROMPTS]
    page = client.call("GET", f"/jobs/{job['id']}/samples?limit=4")
    rest = client.call("GET", f"/jobs/{job['id']}/samples?limit=4&cursor={page['next_cursor']}")
    assert page["data"] + rest["data"] == samples


def test_samples_change_nothing_else(hub: tuple[HubProcess, HubClient]) -> None:
    _, client = hub
    digests: list[str] = []
    for name, prompts in (("with", PROMPTS), ("without", [])):
        job = train(client, name, sample_prompts=prompts, sample_max_tokens=8, dropout=0.1)
        version = client.call("GET", f"/versions/{job['result']['version_id']}")
        weights = [f for f in version["files"] if f["name"] == "adapters.safetensors"]
        digests.append(str(weights[0]["sha256"]))
    assert digests[0] == digests[1]


def test_a_prompt_beyond_the_context_fails_the_job_by_name(
    hub: tuple[HubProcess, HubClient],
) -> None:
    _, client = hub
    job = train(client, "long", sample_prompts=["a b c d " * 100], sample_max_tokens=64)
    assert job["state"] == "FAILED"
    assert "a sample prompt has 4" in job["reason"]
    assert "must be 1 to 256" in job["reason"]
