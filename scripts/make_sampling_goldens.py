"""Records what mlx-lm's logits processors and samplers do, for tests/unit/engine: sampling_golden.json in
tests/golden/engine. Float32 on the CPU; logits are written as the shortest decimals that read back as the same numbers.

    uv run python scripts/make_sampling_goldens.py
"""

import json
from pathlib import Path
from typing import Any

import mlx.core
import mlx_lm.sample_utils
import numpy as np

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
sample_utils: Any = mlx_lm.sample_utils

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "engine"
VOCABULARY = 48
TOKENS = [5, 9, 5, 7, 30, 5, 9, 41, 7, 2, 2, 11, 5, 9, 40, 3]

# Arguments of make_logits_processors.
RULES: list[dict[str, Any]] = [
    {"logit_bias": {3: -5.0, 17: 2.5}},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 1.3, "repetition_context_size": 4},
    {"repetition_penalty": 0.7, "repetition_context_size": 100},
    {"presence_penalty": 0.8, "presence_context_size": 20},
    {"presence_penalty": -0.5, "presence_context_size": 6},
    {"frequency_penalty": 0.6, "frequency_context_size": 20},
    {"frequency_penalty": 0.6, "frequency_context_size": 5},
    {
        "logit_bias": {5: 3.0},
        "repetition_penalty": 1.2,
        "presence_penalty": 0.3,
        "frequency_penalty": 0.4,
    },
]
# Filters in mlx-lm's order; XTC with probability 1, so that nothing is left to chance.
FILTERS: list[dict[str, Any]] = [
    {"top_p": 0.5},
    {"top_p": 0.9},
    {"min_p": 0.1},
    {"top_k": 5},
    {"xtc_threshold": 0.04},
    {"xtc_threshold": 0.04, "xtc_special_tokens": [7, 3]},
    {"xtc_threshold": 0.5},
    {"top_p": 0.8, "min_p": 0.05, "xtc_threshold": 0.1, "top_k": 4},
]


def processed(logits: Any, arguments: dict[str, Any]) -> list[float]:
    row = mx.array(logits)[None]
    for process in sample_utils.make_logits_processors(**arguments):
        row = process(mx.array(TOKENS), row)
    return [float(value) for value in np.array(row[0])]


def kept(logits: Any, arguments: dict[str, Any]) -> list[int]:
    """Ids that the chain of make_sampler leaves."""
    row = mx.array(logits)[None]
    row = row - mx.logsumexp(row, keepdims=True)
    if "top_p" in arguments:
        row = sample_utils.apply_top_p(row, arguments["top_p"])
    if "min_p" in arguments:
        row = sample_utils.apply_min_p(row, arguments["min_p"])
    if "xtc_threshold" in arguments:
        row = sample_utils.apply_xtc(
            row, 1.0, arguments["xtc_threshold"], arguments.get("xtc_special_tokens", [])
        )
    if "top_k" in arguments:
        row = sample_utils.apply_top_k(row, arguments["top_k"])
    return [int(index) for index in np.flatnonzero(np.isfinite(np.array(row[0])))]


def main() -> None:
    mx.set_default_device(mx.cpu)
    logits = np.random.default_rng(7).normal(0.0, 2.0, VOCABULARY).astype(np.float32)
    golden = {
        "logits": [float(value) for value in logits],
        "tokens": TOKENS,
        "rules": [{"arguments": one, "logits": processed(logits, one)} for one in RULES],
        "filters": [{"arguments": one, "kept": kept(logits, one)} for one in FILTERS],
    }
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "sampling_golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
