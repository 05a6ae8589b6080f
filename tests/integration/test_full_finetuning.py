"""The result of a full fine-tuning through the hub: its own engine, mlx-lm's answers, and the base as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import mlx.core
import mlx_lm.tuner.utils
import mlx_lm.utils
import pytest
from hub_client import HubClient, HubProcess
from tiny_models import TinyShape, make_tiny_model, write_rows

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
load: Any = mlx_lm.utils.load
load_adapters: Any = mlx_lm.tuner.utils.load_adapters

PROMPT = "Count from 3."
TOKENS = 12


@pytest.fixture
def trained(start: Any, tmp_path: Path) -> tuple[HubClient, Path, Path]:
    """A hub with the base "tiny" and "tuned" trained over it; the folders of both."""
    process, client = cast(
        tuple[HubProcess, HubClient], start(arguments=("--allow-path", str(tmp_path)))
    )
    model = make_tiny_model(tmp_path / "tiny", TinyShape(bits=0))
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("counting", write_rows(tmp_path / "rows.jsonl"))
    job = client.submit({
        "type": "finetune", "model": "tiny", "dataset": "counting", "output": {"name": "tuned"},
        "params": {"method": "full", "learning_rate": 5e-3, "epochs": 2, "max_seq_length": 128},
    })  # fmt: skip
    ended = client.wait(str(job["id"]), timeout=120)
    assert ended["state"] == "COMPLETED", ended["reason"]
    version = client.call("GET", f"/versions/{ended['result']['version_id']}")
    files = process.data_dir / "artifacts" / str(version["model_id"]) / "v1"
    return client, model, files


def complete(client: HubClient, model: str) -> str:
    body = {"model": model, "prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0}
    return str(client.call("POST", "/v1/completions", json=body)["choices"][0]["text"])


def mlx_lm_completion(folder: Path, weights: Path | None) -> str:
    model, tokenizer = load(str(folder))
    if weights is not None:
        model = load_adapters(model, str(weights))
    model.eval()
    tokens: list[int] = tokenizer.encode(PROMPT)
    prompt = len(tokens)
    while len(tokens) < prompt + TOKENS:
        token = int(mx.argmax(model(mx.array([tokens]))[0, -1]))
        if token in tokenizer.eos_token_ids:
            break
        tokens.append(token)
    return str(tokenizer.decode(tokens[prompt:]))


def test_it_answers_as_mlx_lm_does_beside_its_base(trained: tuple[HubClient, Path, Path]) -> None:
    client, model, weights = trained
    wanted, before = mlx_lm_completion(model, weights), mlx_lm_completion(model, None)
    assert wanted != before  # the training matters
    assert complete(client, "tuned") == wanted
    assert complete(client, "tiny") == before
    assert complete(client, "tuned:1") == wanted
    engines = {str(e["model"]) for e in client.call("GET", "/engines")["data"]}
    assert {"tiny", "tuned"} <= engines
    assert client.call("POST", "/engines/tuned/unload")["was_loaded"]
    assert not client.call("POST", "/engines/tuned/unload")["was_loaded"]
    assert complete(client, "tiny") == before


def test_it_is_measured_by_every_task(trained: tuple[HubClient, Path, Path]) -> None:
    client, _, _ = trained
    for task in ("loss", "exact_match"):
        body = {"type": "evaluate", "model": "tuned", "dataset": "counting",
                "params": {"task": task, "max_rows": 4}}  # fmt: skip
        ended = client.wait(str(client.call("POST", "/jobs", json=body)["id"]), timeout=120)
        assert ended["state"] == "COMPLETED", ended["reason"]
