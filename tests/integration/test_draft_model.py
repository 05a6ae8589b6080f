"""A small model guesses the tokens of a larger one: the same answers, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from deep_model import deepen
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from package_files import cache_folder
from support.tiny_hub import hub_with
from tiny_models import make_tiny_model


def register(hub: HubProcess, name: str, folder: Path) -> HubClient:
    client = HubClient(hub.url)
    client.call("POST", "/models", json={"name": name, "base_model": str(folder)})
    return client


@pytest.fixture(scope="module")
def drafting(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubClient]:
    """A hub with "large", which says what the default model says, with three times its layers."""
    folder = tmp_path_factory.mktemp("drafting")
    with hub_with(build_dir, folder, draft_model=f"large={DEFAULT_MODEL}") as hub:
        large = deepen(cache_folder() / "models" / DEFAULT_MODEL, folder / "large", 3)
        client = register(hub, "large", large)
        yield client
        client.close()


def answer(client: HubClient, model: str, **more: object) -> Json:
    body: Json = {
        "model": model,
        "prompt": "The three largest cities of France are",
        "max_tokens": 24,
        "temperature": 0,
        **more,
    }
    return client.call("POST", "/v1/completions", json=body)


def test_guesses_of_a_draft_model_change_nothing_but_the_usage(drafting: HubClient) -> None:
    # Its first step: what anything costs is not known yet, so a guess is tried whatever the machine is busy with.
    first = answer(drafting, "large")
    assert first["usage"]["completion_tokens_details"]["accepted_prediction_tokens"] > 0
    for more in ({}, {"temperature": 0.8, "seed": 3, "presence_penalty": 0.5, "logprobs": 2}):
        plain = answer(drafting, DEFAULT_MODEL, **more)
        guessed = answer(drafting, "large", **more)
        assert guessed["choices"] == plain["choices"]
    # Nobody said that the default model has a draft model.
    lines = [
        line
        for line in httpx.get(f"{drafting.url}/metrics").text.splitlines()
        if line.startswith("mlx_hub_engine_accepted_draft_tokens_total")
        and 'source="model"' in line
    ]
    counts = {("large" in line): float(line.rsplit(" ", 1)[1]) for line in lines}
    assert counts[True] > 0
    assert counts.get(False, 0) == 0


@pytest.mark.parametrize("draft", ["nobody", "other"])
def test_what_cannot_draft_is_refused_with_the_reason(
    build_dir: Path, tmp_path: Path, draft: str
) -> None:
    target = make_tiny_model(tmp_path / "target")
    other = make_tiny_model(tmp_path / "other", seed=1)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[1000:1002]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with hub_with(build_dir, tmp_path, draft_model=f"target={draft}") as hub:
        client = register(hub, "target", target)
        client.call("POST", "/models", json={"name": "other", "base_model": str(other)})
        refused = client.request(
            "POST", "/v1/completions", json={"model": "target", "prompt": "Once", "max_tokens": 4}
        )
        assert refused.status_code == 422
        error = refused.json()["error"]
        assert error["param"] == "draft_model"
        assert error["code"] == f"draft_model_{'mismatch' if draft == 'other' else 'unusable'}"
        assert ("token " if draft == "other" else "nobody") in error["message"]
        assert answer(client, "other")["choices"]  # it has none
        client.close()
