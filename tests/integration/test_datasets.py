"""Every file type and format of a data set is registered, previewed, trained on and evaluated."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hub_client import DEFAULT_MODEL, HubClient, Json
from package_files import sha256_of

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "data"
QUESTIONS = [(f"What is {i} plus {i}?", f"It is {2 * i}.") for i in range(8)]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


def chat(question: str, answer: str) -> Json:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns}


def sharegpt(question: str, answer: str) -> Json:
    return {
        "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    }


ROWS: dict[str, list[Json]] = {
    "chat": [chat(*pair) for pair in QUESTIONS],
    "tools": [{**chat(*pair), "tools": TOOLS} for pair in QUESTIONS],
    "completion": [{"prompt": q, "completion": a} for q, a in QUESTIONS],
    "text": [{"text": f"{q} {a}"} for q, a in QUESTIONS],
    "alpaca": [{"instruction": "Answer.", "input": q, "output": a} for q, a in QUESTIONS],
    "sharegpt": [sharegpt(*pair) for pair in QUESTIONS],
}


def jsonl(rows: list[Json]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows: list[Json]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                name: value if isinstance(value, str) else json.dumps(value)
                for name, value in row.items()
            }
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()


FILES: dict[str, tuple[str, bytes, str]] = {
    **{name: (f"{name}.jsonl", jsonl(rows), name) for name, rows in ROWS.items()},
    "tools": ("tools.jsonl", jsonl(ROWS["tools"]), "chat"),
    "json": ("rows.json", json.dumps(ROWS["chat"], indent=2).encode(), "chat"),
    "csv": ("rows.csv", as_csv(ROWS["completion"]), "completion"),
    "csv-chat": ("rows.csv", as_csv(ROWS["chat"]), "chat"),
    "parquet": ("rows.parquet", (GOLDEN / "chat.parquet").read_bytes(), "chat"),
}  # fmt: skip


def upload(client: HubClient, name: str, file: str, content: bytes, **fields: str) -> Json:
    files = {"file": (file, content)}
    return client.call("POST", "/datasets", data={"name": name, **fields}, files=files)


def one_step(client: HubClient, dataset: str, **params: Any) -> Json:
    job = client.submit(
        {
            "type": "finetune",
            "model": DEFAULT_MODEL,
            "dataset": dataset,
            "params": {
                "rank": 2, "batch_size": 1, "max_seq_length": 128, "max_steps": 1,
                "eval_every": 0, "eval_fraction": 0.0, "save_every": 0, **params,
            },
            "output": {"name": f"{dataset}-result"},
        }
    )  # fmt: skip
    done = client.wait(str(job["id"]))
    assert done["state"] == "COMPLETED", done["reason"]
    return done


@pytest.mark.parametrize("name", list(FILES))
def test_every_format_previews_and_trains(client: HubClient, name: str) -> None:
    file, content, wanted = FILES[name]
    dataset = upload(client, f"format-{name}", file, content)
    assert dataset["format"] == wanted
    assert dataset["report"]["file_type"] == file.rpartition(".")[2]
    assert dataset["report"]["tokens"]["trained"] > 0
    preview = client.call("GET", f"/datasets/{dataset['id']}/preview", params={"limit": 1})
    pieces = preview["data"][0]["pieces"]
    trained = "".join(piece["text"] for piece in pieces if piece["trained"])
    read_only = "".join(piece["text"] for piece in pieces if not piece["trained"])
    if wanted != "text":
        answer = "a0" if name == "parquet" else QUESTIONS[0][1]
        question = "q0" if name == "parquet" else QUESTIONS[0][0]
        assert trained.startswith(answer)
        assert question in read_only
        assert question not in trained
    done = one_step(client, dataset["name"])
    assert done["progress"]["step"] == 1
    assert done["metrics"]["train_loss"] > 0


def test_the_same_conversations_train_the_same_in_every_format(client: HubClient) -> None:
    """One step from the same seed on the same rows, written differently, has the same loss to the bit."""
    plain = [{"instruction": q, "output": a} for q, a in QUESTIONS]
    written = {
        "same-chat": ("a.jsonl", jsonl(ROWS["chat"])),
        "same-completion": ("a.csv", as_csv(ROWS["completion"])),
        "same-sharegpt": ("a.json", json.dumps(ROWS["sharegpt"]).encode()),
        "same-alpaca": ("a.jsonl", jsonl(plain)),
    }
    losses: set[float] = set()
    for name, (file, content) in written.items():
        upload(client, name, file, content)
        losses.add(one_step(client, name)["metrics"]["train_loss"])
    assert len(losses) == 1


def test_a_split_is_trained_on_measured_and_evaluated_by_its_parts(client: HubClient) -> None:
    split = json.dumps({"valid": 0.25, "test": 0.25, "seed": 1})
    dataset = upload(client, "parts", "rows.csv", as_csv(ROWS["completion"]), split=split)
    assert [dataset["parts"][part]["rows"] for part in ("train", "valid", "test")] == [4, 2, 2]
    done = one_step(client, "parts", eval_every=1)
    assert done["metrics"]["eval_loss"] > 0
    metrics = client.evaluate(DEFAULT_MODEL, "parts")["metrics"]
    assert metrics["rows"] == 2


def test_a_folder_keeps_its_parts_whatever_their_type(client: HubClient, hub: Any) -> None:
    folder = hub.data_dir / "imports" / "folder-of-parts"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_bytes(as_csv(ROWS["chat"]))
    (folder / "valid.jsonl").write_bytes(jsonl(ROWS["chat"][:2]))
    dataset = client.call("POST", "/datasets", json={"name": "folder", "path": str(folder)})
    assert dataset["parts"]["valid"]["rows"] == 2
    assert dataset["parts"]["train"]["digest"] == sha256_of(folder / "train.csv")
    assert one_step(client, "folder", eval_every=1)["metrics"]["eval_loss"] > 0


def huge_header() -> bytes:
    return b"text" + b",c" * 1_000_000 + b"\n"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("x.jsonl", b"", "empty"),
        ("x.jsonl", b"\xff\xfe{\x00", "UTF-16"),
        ("x.jsonl", b'{"text":"\xff"}\n', "not valid UTF-8 from byte 10"),
        ("x.jsonl", b'{"text":"a\x00"}\n', "NUL byte"),
        ("x.jsonl", b'{"text":"' + b"x" * (9 << 20) + b'"}\n', "longer than 8388608 bytes"),
        ("x.jsonl", b'{"text":"a"}\n{"prompt":"a","completion":"b"}\n', "line 2: a row of format"),
        ("x.json", b'[{"text":"a"},', "does not end"),
        ("x.csv", b"a,b\n1,2\n", "a row needs"),
        ("x.csv", b"text,text\na,b\n", "names 'text' twice"),
        ("x.csv", b'text\n"a\n', "does not end"),
        ("x.csv", huge_header(), "more than 1000 fields"),
        ("x.parquet", (GOLDEN / "chat.parquet").read_bytes()[:1500], "cut off"),
        ("x.parquet", (GOLDEN / "bomb_dictionary.parquet").read_bytes(), "unpacks to more"),
        ("x.parquet", (GOLDEN / "nested.parquet").read_bytes(), "write it as JSON text"),
    ],
)
def test_bad_files_are_refused_and_nothing_is_stored(
    client: HubClient, hub: Any, file: str, content: bytes, words: str
) -> None:
    def stored() -> set[Path]:
        return {
            path
            for folder in ("datasets", "blobs", "uploads")
            for path in (hub.data_dir / folder).rglob("*")
            if path.is_file()
        }

    before = stored()
    answer = client.request(
        "POST", "/datasets", data={"name": "bad"}, files={"file": (file, content)}
    )
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["error"]["message"]
    assert answer.json()["error"]["code"] in {"dataset_invalid", "dataset_empty"}
    assert stored() == before
    assert client.request("GET", "/datasets/bad").status_code == 404
