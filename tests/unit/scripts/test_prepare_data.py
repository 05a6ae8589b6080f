"""The demo's data set: every question once, none in both files, the same split every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import prepare_data


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_split_is_fixed_and_disjoint(tmp_path: Path) -> None:
    counts = prepare_data.prepare(tmp_path / "a")
    assert counts == prepare_data.prepare(tmp_path / "b")
    train, valid = rows(tmp_path / "a" / "train.jsonl"), rows(tmp_path / "a" / "valid.jsonl")
    assert (len(train), len(valid)) == counts
    assert len(valid) == prepare_data.HELD_OUT
    assert rows(tmp_path / "b" / "valid.jsonl") == valid
    questions = [row["messages"][0]["content"] for row in train + valid]
    assert len(set(questions)) == len(questions)
    for row in train + valid:
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]


def test_odd_conversations_are_left_out() -> None:
    document = {
        "conversations": [
            ["What is  two\nplus two?", 4],
            ["What is two plus two?", "four, again"],
            ["A monologue"],
            ["Three", "turns", "here"],
            ["Too long", "x" * 300],
        ]
    }
    assert prepare_data.question_answers(document) == [("What is two plus two?", "4")]
