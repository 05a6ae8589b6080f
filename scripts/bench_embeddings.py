"""How fast the hub embeds with all-MiniLM-L6-v2, over HTTP: milliseconds for one short text, texts a second of 64.

    uv run python scripts/bench_embeddings.py
    uv run python scripts/bench_embeddings.py --peer-python PYTHON --onnx MODEL.onnx

The second form runs onnxruntime on the same texts in turn (onnx_embedder.py; its Python needs onnxruntime and
tokenizers, the export must be of the same weights). Rounds of both alternate; the median of the rounds is told.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

from hub_client import ROOT, HubClient, HubProcess, Json
from package_files import cache_folder
from prepare_model import ENCODER_NAME

WHO = [
    "A man",
    "The old teacher",
    "My neighbour's dog",
    "Nobody",
    "The committee",
    "She",
    "A ship",
    "Rain",
]
WHAT = [
    "is eating bread in the kitchen.",
    "crossed the river at night.",
    "has never been to the mountains.",
    "was late for the second meeting of the day.",
    "likes music.",
    "asked for help with an old computer.",
    "left without a word.",
    "will be back when the work is done.",
]
TEXTS = [f"{who} {what}" for who, what in product(WHO, WHAT)]
GOLDEN = ROOT / "tests" / "golden" / "models" / "encoders" / f"{ENCODER_NAME}.json"


def seconds(work: Callable[[], object], times: int) -> float:
    """The median of several runs."""
    taken: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def of_the_hub(client: HubClient, rounds: int) -> Json:
    def embed(texts: list[str]) -> Json:
        body = {"model": ENCODER_NAME, "input": texts, "encoding_format": "base64"}
        return client.call("POST", "/v1/embeddings", json=body)

    tokens = embed(TEXTS)["usage"]["prompt_tokens"]
    one = seconds(lambda: embed(TEXTS[:1]), 5 * rounds)
    batch = seconds(lambda: embed(TEXTS), rounds)
    return {"one_ms": 1000 * one, "texts_per_second": len(TEXTS) / batch, "tokens": tokens}


def of_the_peer(options: argparse.Namespace, folder: Path, texts: Path) -> Json:
    command = [options.peer_python, ROOT / "scripts" / "onnx_embedder.py", options.onnx, folder]
    command += ["--texts", texts, "--rounds", str(options.rounds), "--golden", GOLDEN]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def median_of(rounds: list[Json]) -> Json:
    return {
        name: round(
            statistics.median(one[name] for one in rounds), 9 if name == "difference" else 2
        )
        for name in rounds[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--rounds", type=int, default=10, help="batches a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--onnx", type=Path)
    options = parser.parse_args()
    folder = cache_folder() / "models" / ENCODER_NAME
    own: list[Json] = []
    peer: list[Json] = []
    with (
        HubProcess(options.build_dir, arguments=("--allow-path", str(folder))) as hub,
        tempfile.TemporaryDirectory() as name,
    ):
        texts = Path(name) / "texts.json"
        texts.write_text(json.dumps(TEXTS))
        client = HubClient(hub.url)
        body = {"name": ENCODER_NAME, "base_model": str(folder), "storage": "reference"}
        client.call("POST", "/models", json=body)
        for _ in range(options.turns):
            own.append(of_the_hub(client, options.rounds))
            if options.peer_python and options.onnx:
                peer.append(of_the_peer(options, folder, texts))
        client.close()
    result: Json = {"hub": median_of(own)}
    if peer:
        result["onnxruntime"] = median_of(peer)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
