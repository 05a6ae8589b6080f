"""Makes the demo's data set from the locked package `chatterbot-corpus` (BSD licence).

    uv run python scripts/prepare_data.py

Of its English conversations the category `trivia` is clean and consistent: about 260 general-knowledge questions, each
with an answer of a few words. That is visibly unlike the default model's long sentences, so that a fine-tuned
answer differs in a way a person sees. Every question occurs once; 40 are held out by their hash, so the split
never changes and no question is in both files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import yaml
from package_files import PrepareError, cache_folder

NAME = "trivia"
HELD_OUT = 40
LONGEST_CHARACTERS = 240
FORMAT = 1


def corpus_file() -> Path:
    spec = find_spec("chatterbot_corpus")
    if spec is None or spec.origin is None:
        raise PrepareError("the package chatterbot-corpus is missing: run scripts/setup")
    return Path(spec.origin).parent / "data" / "english" / f"{NAME}.yml"


def question_answers(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The usable pairs, one for each question, in a fixed order that has nothing to do with the file's."""
    found: dict[str, str] = {}
    for conversation in cast(list[list[Any]], document["conversations"]):
        turns = [" ".join(str(turn).split()) for turn in conversation]
        if len(turns) != 2 or not all(0 < len(turn) <= LONGEST_CHARACTERS for turn in turns):
            continue
        found.setdefault(turns[0], turns[1])
    return sorted(found.items(), key=lambda pair: hashlib.sha256(pair[0].encode()).hexdigest())


def as_row(question: str, answer: str) -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}, ensure_ascii=False) + "\n"


def write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def prepare(folder: Path) -> tuple[int, int]:
    """Writes train.jsonl and valid.jsonl; (rows of each)."""
    document = yaml.safe_load(corpus_file().read_text(encoding="utf-8"))
    pairs = question_answers(document)
    if len(pairs) < 4 * HELD_OUT:
        raise PrepareError(
            f"{corpus_file().name} has {len(pairs)} usable questions, too few to train on"
        )
    held_out, train = pairs[:HELD_OUT], pairs[HELD_OUT:]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "train.jsonl", "".join(as_row(*pair) for pair in train))
    write_atomically(folder / "valid.jsonl", "".join(as_row(*pair) for pair in held_out))
    return len(train), len(held_out)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--output", type=Path, help="default: the hub's cache folder")
    options = parser.parse_args()
    folder: Path = options.output or cache_folder() / "data" / f"{NAME}-v{FORMAT}"
    if (folder / "train.jsonl").exists() and (folder / "valid.jsonl").exists():
        print(f"{folder} is ready")
        return 0
    try:
        train, held_out = prepare(folder)
    except (PrepareError, OSError) as error:
        print(f"prepare_data: {error}", file=sys.stderr)
        return 1
    print(f"{folder} made: {train} rows to train on, {held_out} held out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
