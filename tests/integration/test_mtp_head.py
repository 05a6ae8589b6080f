"""A model's own head for further tokens guesses while it is served: the same answers, and the usage tells."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
from hub_client import HubClient, Json
from support.mtp_model import make_mtp_model
from support.tiny_hub import hub_with

OPTIONS: tuple[Json, ...] = (
    {"temperature": 0},
    {"temperature": 0.8, "seed": 3, "presence_penalty": 0.5, "logprobs": 2},
)


def answers(build_dir: Path, folder: Path, **settings: str) -> tuple[list[Json], float]:
    """What the model says to each of the options, and how many guesses of its head the metrics say were right."""
    model = make_mtp_model(folder / "model")
    with hub_with(build_dir, folder, **settings) as hub:
        client = HubClient(hub.url)
        client.call("POST", "/models", json={"name": "headed", "base_model": str(model)})
        said = [
            client.call(
                "POST",
                "/v1/completions",
                json={"model": "headed", "prompt": "Once upon a time", "max_tokens": 40, **more},
            )
            for more in OPTIONS
        ]
        client.close()
        deadline = time.monotonic() + 20  # the engine tells its counts once a second
        while accepted_by_the_head(hub.url) == 0 and accepted(said[0]) > 0:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return said, accepted_by_the_head(hub.url)


def accepted_by_the_head(url: str) -> float:
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in httpx.get(f"{url}/metrics").text.splitlines()
        if line.startswith("mlx_hub_engine_accepted_draft_tokens_total") and 'source="mtp"' in line
    )


def accepted(answer: Json) -> int:
    return int(answer["usage"]["completion_tokens_details"]["accepted_prediction_tokens"])


def test_a_models_own_head_changes_nothing_but_the_usage(build_dir: Path, tmp_path: Path) -> None:
    guessed, counted = answers(build_dir, tmp_path / "with")
    plain, uncounted = answers(build_dir, tmp_path / "without", speculative_tokens="0")
    assert [one["choices"] for one in guessed] == [one["choices"] for one in plain]
    assert accepted(guessed[0]) > 0
    assert [accepted(one) for one in plain] == [0, 0]
    assert counted > 0
    assert uncounted == 0
