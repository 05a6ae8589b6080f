"""Records how likely mlx-lm finds the tokens of prompts, for tests/unit/engine/prompt_scores_test.cpp.

Written to tests/golden/engine/prompt_logprobs.json: for each text its tokens, the natural logarithm of
each one's probability after those before it (the first has none), and the TOP likeliest at its place.

    uv run python scripts/make_prompt_goldens.py [MODEL_FOLDER]

The folder must hold float32 scales, as for scripts/make_goldens.py.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import mlx.core
import mlx.nn
import mlx_lm.utils
import numpy as np
from make_goldens import default_folder, logits_of, versions

mx: Any = mlx.core
nn: Any = mlx.nn
load: Any = mlx_lm.utils.load

GOLDEN = Path(__file__).resolve().parent.parent / "tests/golden/engine/prompt_logprobs.json"
TOP = 5
# The largest difference of a log-probability, in float32 on the same weights.
TOLERANCE = 1e-3
TEXTS = [
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "Naïve café: 東京 costs €42 — why? 🙂",
    "def fibonacci(n):\n    if n < 2:\n        return n\n"
    "    return fibonacci(n - 1) + fibonacci(n - 2)\n\n" * 4,
]


def record(model: Any, tokenizer: Any, text: str) -> dict[str, Any]:
    ids = [int(token) for token in tokenizer.encode(text)]
    logits = logits_of(model, ids)[:-1]
    logprobs = np.array(nn.log_softmax(mx.array(logits), axis=-1))
    order = np.argsort(-logprobs, axis=-1, kind="stable")[:, :TOP]
    return {
        "text": text,
        "tokens": ids,
        "logprobs": [
            round(float(row[token]), 6) for row, token in zip(logprobs, ids[1:], strict=True)
        ],
        "top": [
            [[int(token), round(float(row[token]), 6)] for token in likely]
            for row, likely in zip(logprobs, order, strict=True)
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    model, tokenizer = load(str(parser.parse_args().folder))
    cases = [record(model, tokenizer, text) for text in TEXTS]
    golden = {
        "made_by": "scripts/make_prompt_goldens.py",
        "versions": versions(),
        "model": "smollm2-135m-instruct-f32",
        "dtype": "float32",
        "tolerance": TOLERANCE,
        "cases": cases,
    }
    GOLDEN.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    print(f"{GOLDEN}: {sum(len(case['tokens']) for case in cases)} tokens")


if __name__ == "__main__":
    main()
