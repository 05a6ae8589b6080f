"""Exact match and multiple choice, against what mlx-lm computes on the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import mlx.core
import mlx_lm.utils
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from package_files import cache_folder
from support.transfers import Json, run_cli

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
load: Any = mlx_lm.utils.load

MODEL = cache_folder() / "models" / "smollm2-135m-instruct-f32"
CHOICES = [
    {"prompt": "Which is a colour?", "choices": ["Blue", "Seventeen hours", "Run"], "answer": 0},
    {"prompt": "Which is a number?", "choices": ["A green dog", "Twelve"], "answer": "Twelve"},
    {"prompt": "Which is a city?", "choices": ["Paris", "The act of reading"], "answer": 0},
]


@pytest.fixture
def hub(start: Any) -> tuple[HubProcess, HubClient]:
    return cast(tuple[HubProcess, HubClient], start())


def write_rows(path: Path, rows: list[Json]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def log_likelihoods(rows: list[Json]) -> list[list[float]]:
    """Of each choice with the end of its turn, by mlx-lm in float32."""
    model, tokenizer = load(str(MODEL))
    model.set_dtype(mx.float32)
    found: list[list[float]] = []
    for row in rows:
        user = {"role": "user", "content": row["prompt"]}
        start = tokenizer.apply_chat_template([user], add_generation_prompt=True, return_dict=False)
        sums: list[float] = []
        for choice in row["choices"]:
            chat = [user, {"role": "assistant", "content": choice}]
            tokens = tokenizer.apply_chat_template(chat, return_dict=False)
            logits = model(mx.array([tokens[:-1]]))[0].astype(mx.float32)
            logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
            targets = mx.array(tokens[1:])[:, None]
            each = mx.take_along_axis(logprobs, targets, axis=1)[:, 0]
            sums.append(float(each[len(start) - 1 :].sum()))
        found.append(sums)
    return found


def test_multiple_choice_chooses_as_mlx_lm(
    hub: tuple[HubProcess, HubClient], build_dir: Path, tmp_path: Path
) -> None:
    process, client = hub
    data = write_rows(tmp_path / "choices.jsonl", CHOICES)
    done = run_cli(
        build_dir, process, "evaluate", DEFAULT_MODEL, "--data", data, "--task", "multiple_choice"
    )
    assert done.returncode == 0, done.stderr
    metrics = client.call("GET", "/evaluations")["data"][0]["metrics"]
    right = by_byte = 0
    rows: list[Any] = CHOICES
    for row, sums in zip(rows, log_likelihoods(CHOICES), strict=True):
        choices: list[str] = row["choices"]
        answer = row["answer"] if isinstance(row["answer"], int) else choices.index(row["answer"])
        right += sums.index(max(sums)) == answer
        norms = [total / len(choice) for total, choice in zip(sums, choices, strict=True)]
        by_byte += norms.index(max(norms)) == answer
    assert metrics["rows"] == 3
    assert metrics["accuracy"] == pytest.approx(right / 3)
    assert metrics["accuracy_norm"] == pytest.approx(by_byte / 3)
    assert metrics["chance"] == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3)


def test_exact_match_compares_greedy_answers(
    hub: tuple[HubProcess, HubClient], build_dir: Path, tmp_path: Path
) -> None:
    process, client = hub
    prompts = ["Say yes.", "Name a colour.", "What is two plus two?"]
    answers = [
        client.chat(DEFAULT_MODEL, prompt, temperature=0, max_tokens=24).strip()
        for prompt in prompts
    ]
    rows: list[Json] = [
        {"prompt": prompts[0], "completion": answers[0]},
        {"prompt": prompts[1], "completion": answers[1].upper()},
        {"prompt": prompts[2], "completion": "something else"},
    ]
    data = write_rows(tmp_path / "answers.jsonl", rows)
    command = ("evaluate", DEFAULT_MODEL, "--data", data, "--task", "exact_match")
    done = run_cli(build_dir, process, *command, "--set", "max_tokens=24")
    assert done.returncode == 0, done.stderr
    evaluations = client.call("GET", "/evaluations")["data"]
    metrics = evaluations[0]["metrics"]
    assert metrics["rows"] == 3
    assert metrics["exact_match"] == pytest.approx(1 / 3)
    assert metrics["normalized_match"] == pytest.approx(2 / 3)
    # The same once more compares; another task does not.
    again = run_cli(build_dir, process, *command, "--set", "max_tokens=24")
    assert again.returncode == 0, again.stderr
    ids = [one["id"] for one in client.call("GET", "/evaluations")["data"]]
    shown = run_cli(build_dir, process, "evaluations", "--compare", *ids, "--json")
    compared = json.loads(shown.stdout)["data"]
    assert [one["id"] for one in compared] == ids
    assert compared[1]["difference"]["exact_match"] == 0.0
    client.evaluate(DEFAULT_MODEL, evaluations[0]["dataset"]["name"])
    other = client.call("GET", "/evaluations")["data"][0]["id"]
    refused = client.request("GET", f"/evaluations?compare={ids[0]},{other}")
    assert refused.status_code == 409
    assert "params differ" in refused.json()["error"]["message"]


def test_a_task_needs_rows_of_its_format(hub: tuple[HubProcess, HubClient], tmp_path: Path) -> None:
    _, client = hub
    data = Path(write_rows(tmp_path / "text.jsonl", [{"text": "only a text"}]))
    client.upload_dataset("text", data)
    body = {"model": DEFAULT_MODEL, "dataset": "text", "params": {"task": "multiple_choice"}}
    job = client.wait(str(client.call("POST", "/evaluations", json=body)["job_id"]))
    assert job["state"] == "FAILED"
    assert "'choices'" in job["reason"]
    body["params"] = {"task": "exact_match"}
    job = client.wait(str(client.call("POST", "/evaluations", json=body)["job_id"]))
    assert job["state"] == "FAILED"
    assert "answer behind a prompt" in job["reason"]
