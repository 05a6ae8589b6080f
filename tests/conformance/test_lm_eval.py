"""A stock lm-evaluation-harness with tasks of its own folder, against the hub's text route; no network."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import mlx.core
import mlx.nn
import mlx_lm.utils
import pytest
from hub_client import DEFAULT_MODEL, HubProcess, Json
from package_files import cache_folder
from support.outside_packages import uv_run

PACKAGES = ["lm-eval[api]==0.4.13", "transformers==5.23.0"]
QUESTIONS = [
    ("The capital of France is", ["Paris", "Madrid", "Rome"], 0),
    ("The opposite of hot is", ["cold", "blue", "seven"], 0),
    ("One, two, three,", ["nine", "four", "red"], 1),
    ("A dog is an", ["idea", "ocean", "animal"], 2),
    ("Water freezes at zero degrees", ["Celsius", "Paris", "bread"], 0),
    ("The sun rises in the", ["cellar", "east", "spoon"], 1),
]
CHOICE_TASK = """task: hub_choices
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""
GENERATE_TASK = """task: hub_words
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{choices[answer]}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 4, do_sample: false}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true, ignore_punctuation: true}}
"""
# mlx-lm and this project on the same weights; the text's sum of a few tokens.
TOLERANCE = 2e-3

mx: Any = mlx.core
nn: Any = mlx.nn
load: Any = mlx_lm.utils.load


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    rows = folder / "rows.jsonl"
    with rows.open("w") as file:
        for question, choices, answer in QUESTIONS:
            file.write(
                json.dumps({"question": question, "choices": choices, "answer": answer}) + "\n"
            )
    (folder / "choices.yaml").write_text(CHOICE_TASK.format(file=rows))
    (folder / "words.yaml").write_text(GENERATE_TASK.format(file=rows))
    return folder


def evaluate(
    hub: HubProcess, tasks: Path, output: Path, task: str, batch: int = 1, **arguments: object
) -> Path:
    given = {
        "model": DEFAULT_MODEL,
        "base_url": f"{hub.url}/v1/completions",
        "tokenizer": str(cache_folder() / "models" / DEFAULT_MODEL),
        "num_concurrent": 2,
        **arguments,
    }
    command = [
        *uv_run(PACKAGES),
        *("lm_eval", "run", "--model", "local-completions", "--tasks", task),
        *("--include_path", str(tasks), "--log_samples", "--output_path", str(output)),
        *("--batch_size", str(batch)),
        *("--model_args", ",".join(f"{name}={value}" for name, value in given.items())),
    ]
    offline = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(output / "hf"),
        "OPENAI_API_KEY": "none",
    }
    ran = subprocess.run(
        command, env=offline, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return output


def results(output: Path, task: str) -> Json:
    (file,) = output.rglob("results_*.json")
    return json.loads(file.read_text())["results"][task]


def loglikelihoods(output: Path) -> list[list[float]]:
    """Of each question's choices, in the order of the questions."""
    (file,) = output.rglob("samples_*.jsonl")
    samples = sorted(map(json.loads, file.read_text().splitlines()), key=lambda one: one["doc_id"])
    return [[float(choice[0][0]) for choice in sample["resps"]] for sample in samples]


@pytest.fixture(scope="module")
def by_tokens(hub: HubProcess, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluate(hub, tasks, tmp_path_factory.mktemp("by_tokens"), "hub_choices", batch=4)


def test_choices_are_as_likely_as_mlx_lm_finds_them(by_tokens: Path) -> None:
    model, tokenizer = load(str(cache_folder() / "models" / f"{DEFAULT_MODEL}-f32"))
    told = loglikelihoods(by_tokens)
    right = 0
    for (question, choices, answer), sums in zip(QUESTIONS, told, strict=True):
        for choice, said in zip(choices, sums, strict=True):
            context, whole = tokenizer.encode(question), tokenizer.encode(f"{question} {choice}")
            assert whole[: len(context)] == context
            rows = nn.log_softmax(model(mx.array([whole]))[0], axis=-1)
            wanted = sum(
                float(rows[place - 1, whole[place]]) for place in range(len(context), len(whole))
            )
            assert math.isclose(said, wanted, abs_tol=TOLERANCE)
        right += sums.index(max(sums)) == answer
    assert results(by_tokens, "hub_choices")["acc,none"] == pytest.approx(right / len(QUESTIONS))
    assert right > len(QUESTIONS) / 2


def test_prompts_as_texts_say_the_same(
    hub: HubProcess, tasks: Path, tmp_path: Path, by_tokens: Path
) -> None:
    output = evaluate(hub, tasks, tmp_path, "hub_choices", tokenized_requests=False)
    assert loglikelihoods(output) == loglikelihoods(by_tokens)


def test_it_generates_too(hub: HubProcess, tasks: Path, tmp_path: Path) -> None:
    output = evaluate(hub, tasks, tmp_path, "hub_words", tokenized_requests=False)
    assert 0 <= results(output, "hub_words")["exact_match,none"] <= 1
