"""all-MiniLM-L6-v2 in onnxruntime: the peer of bench_embeddings.py, in a Python that has it.

    python scripts/onnx_embedder.py MODEL.onnx MODEL_FOLDER --golden tests/golden/…/all-minilm-l6-v2.json

MODEL.onnx is an export for sentence-transformers (its first output are the hidden states). Does what their library
does around it: texts of a batch padded to the longest, mean pooling under the mask, length 1. Prints one JSON
object: milliseconds for one text, texts a second of a batch of 64, and the largest difference from the golden.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float32]]


class OnnxEmbedder:
    def __init__(self, model: Path, folder: Path, threads: int) -> None:
        # Neither is in the project's environment.
        onnxruntime: Any = importlib.import_module("onnxruntime")
        tokenizers: Any = importlib.import_module("tokenizers")
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(str(model), options)
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.enable_padding()

    def embed(self, texts: list[str]) -> FloatArray:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: FloatArray = self._session.run(None, feed)[0]
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def seconds(work: Any, times: int) -> float:
    """The median of several runs."""
    taken: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--texts", type=Path, help="a JSON list of texts to measure with")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    embedder = OnnxEmbedder(options.model, options.folder, options.threads)
    result: dict[str, float] = {}
    if options.golden:
        cases = json.loads(options.golden.read_text())["cases"]
        result["difference"] = max(
            float(np.abs(embedder.embed([case["text"]])[0] - case["vectors"]["mean"]).max())
            for case in cases
        )
    if options.texts:
        texts = json.loads(options.texts.read_text())
        embedder.embed(texts)
        one = seconds(lambda: embedder.embed(texts[:1]), 5 * options.rounds)
        batch = seconds(lambda: embedder.embed(texts), options.rounds)
        result |= {"one_ms": 1000 * one, "texts_per_second": len(texts) / batch}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
