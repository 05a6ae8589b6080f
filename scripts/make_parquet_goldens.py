"""Writes the Parquet files of tests/golden/data, as other programs write them.

Needs pyarrow, which nothing else here does:

    uv run --no-project --with pyarrow python scripts/make_parquet_goldens.py
"""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "golden" / "data"
TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
MESSAGES = [
    [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i} \U0001f600"}]
    for i in range(5)
]


def write(name: str, columns: dict[str, Any], **options: Any) -> None:
    pq.write_table(pa.table(columns), FOLDER / f"{name}.parquet", **options)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    turns = pa.array(MESSAGES, pa.list_(TURN))
    write("chat", {"id": [1, 2, 3, 4, 5], "messages": turns}, row_group_size=2)
    with_holes = [
        None,
        [],
        [{"role": "user", "content": None}],
        [None, {"role": "user", "content": "b"}],
        MESSAGES[0],
    ]
    write("holes", {"messages": pa.array(with_holes, pa.list_(TURN))})
    write("chat_v2", {"messages": turns}, data_page_version="2.0", compression="zstd")
    texts = [f"text {i}" for i in range(700)]
    write("text_gzip", {"text": texts}, compression="gzip", data_page_size=256)
    write("text_plain", {"text": texts}, compression="none", use_dictionary=False)
    write("text_required", {"text": pa.array(["a", "b"])}, compression="snappy")
    alpaca = {
        "instruction": ["add", "greet"],
        "input": ["1 2", None],
        "output": ["3", "hi"],
        "text": ["unused", "unused"],
    }
    write("alpaca", alpaca)
    shared = [[{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]]
    share_type = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
    write("sharegpt", {"conversations": pa.array(shared, share_type)})
    answers = [[MESSAGES[0][0], {"role": "assistant", "content": text}] for text in ("good", "bad")]
    ultrafeedback = {  # as HuggingFaceH4/ultrafeedback_binarized has its columns
        "prompt": ["q0"],
        "messages": pa.array([answers[0]], pa.list_(TURN)),
        "chosen": pa.array([answers[0]], pa.list_(TURN)),
        "rejected": pa.array([answers[1]], pa.list_(TURN)),
        "score_chosen": [8.0],
    }
    write("preference", ultrafeedback)
    write("json_text", {"messages": [json.dumps(MESSAGES[0]), "[1"], "tools": ["", None]})
    write("other_columns", {"question": ["q"], "answer": ["a"]})
    write("numbers", {"prompt": [1], "completion": ["a"]})
    nested = [[{"role": "user", "calls": [{"name": "f"}]}]]
    write("nested", {"messages": nested})
    write("not_utf8", {"text": pa.array([b"good", b"\xff"], pa.binary())})
    write("delta", {"text": texts}, use_dictionary=False, column_encoding="DELTA_LENGTH_BYTE_ARRAY")
    # A few hundred bytes that unpack to 800 MB: the same text again and again.
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 40_000])
    write("bomb_dictionary", {"text": bomb}, compression="zstd")
    write("bomb_zstd", {"text": ["x" * 7_000_000] * 12}, compression="zstd", use_dictionary=False)


if __name__ == "__main__":
    main()
