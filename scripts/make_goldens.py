"""Records what mlx-lm computes, for tests/unit/models.

Written to tests/golden/models: forward.json (prompts, greedy continuations, sampled logits),
logits_<n>.safetensors (for prompt n the logits of the last position: "last" whole, and
"adapter_last" with the adapter, every ADAPTER_STRIDE-th), adapter/ (a LoRA adapter with random
factors in mlx-lm's format), and window.json (greedy continuations over a RotatingKVCache that goes
round several times).

    uv run python scripts/make_goldens.py [MODEL_FOLDER]

The folder must hold float32 scales: mlx-lm on a CPU computes in the type of the scales, and half
types are wrong there.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import mlx.core
import mlx.utils
import mlx_lm.models.cache
import mlx_lm.tuner.utils
import mlx_lm.utils
import numpy as np

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
tuner: Any = mlx_lm.tuner.utils
load: Any = mlx_lm.utils.load
rotating_cache: Any = mlx_lm.models.cache.RotatingKVCache
tree: Any = mlx.utils

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "models"
MODEL = "smollm2-135m-instruct-f32"
PROMPTS = [
    "What is the capital of France?",
    "Write a Python function that returns the n-th Fibonacci number.",
    "Naïve café: 東京 costs €42 — why? 🙂",
]
GREEDY_TOKENS = 64
WINDOW, SINKS, WINDOW_TOKENS = 64, 4, 192
# Positions and ids of which every logit is recorded, beside the whole last position.
SAMPLED_IDS = [0, 1, 2, 17, 504, 3575, 7042, 24576, 49151]
RANK, SCALE, NUM_LAYERS, SEED = 4, 10.0, 2, 11
ADAPTER_STRIDE = 8
KEYS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]
# max|difference| / max|logit| between this project and mlx-lm on the same weights.
TOLERANCE = 1e-4


def default_folder() -> Path:
    models = os.environ.get("MLX_HUB_MODELS")
    if models:
        return Path(models) / MODEL
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(cache) / "mlx-hub" / "models" / MODEL


def prompt_ids(tokenizer: Any, text: str) -> list[int]:
    messages = [{"role": "user", "content": text}]
    return list(tokenizer.apply_chat_template(messages, add_generation_prompt=True))


def logits_of(model: Any, ids: list[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(model(mx.array([ids]))[0], dtype=np.float32)


def greedy(model: Any, ids: list[int], cache: Any, count: int) -> tuple[list[int], float]:
    """The continuation, and the smallest margin between the best and second-best logit of a step:
    how far rounding is from changing a token."""
    tokens: list[int] = []
    margin = float("inf")
    step = mx.array([ids])
    for _ in range(count):
        last = np.array(model(step, cache=cache)[0, -1], dtype=np.float32)
        best, second = np.argsort(last)[::-1][:2]
        margin = min(margin, float(last[best] - last[second]))
        tokens.append(int(best))
        step = mx.array([[int(best)]])
    return tokens, margin


def write_adapter(model: Any, folder: Path) -> None:
    """A LoRA adapter whose factors are both random, so that it changes every logit."""
    parameters = {"rank": RANK, "scale": SCALE, "dropout": 0.0, "keys": KEYS}
    tuner.linear_to_lora_layers(model, NUM_LAYERS, parameters)
    rng: Any = np.random.default_rng(SEED)
    weights: dict[str, Any] = {}
    named: list[tuple[str, Any]] = tree.tree_flatten(model.parameters())
    for name, value in sorted(named):
        if name.endswith((".lora_a", ".lora_b")):
            weights[name] = mx.array(rng.normal(0.0, 0.05, value.shape), mx.float32)
    model.load_weights(list(weights.items()), strict=False)
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    config = {
        "fine_tune_type": "lora",
        "lora_parameters": parameters,
        "model": "smollm2-135m-instruct",
        "num_layers": NUM_LAYERS,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def versions() -> dict[str, str]:
    return {"mlx": mx.__version__, "mlx_lm": mlx_lm.__version__}


def write_window(model: Any, tokenizer: Any) -> None:
    """Prompts within the window: of longer ones mlx-lm's rows lose sight of the sinks."""
    cases: list[dict[str, Any]] = []
    for text in PROMPTS:
        ids = prompt_ids(tokenizer, text)
        if len(ids) > WINDOW:
            raise SystemExit(f"{text!r} has {len(ids)} tokens, more than the window")
        cache = [rotating_cache(max_size=WINDOW, keep=SINKS) for _ in model.layers]
        tokens, margin = greedy(model, ids, cache, WINDOW_TOKENS)
        cases.append({"prompt": ids, "greedy": tokens, "smallest_margin": round(margin, 5)})
        print(f"window of {WINDOW}: {len(ids)} tokens, margin {margin:.4f}")
    record = {
        "made_by": "scripts/make_goldens.py",
        "versions": versions(),
        "model": MODEL,
        "dtype": "float32",
        "window": WINDOW,
        "sinks": SINKS,
        "cases": cases,
    }
    (GOLDEN / "window.json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_folder", nargs="?", type=Path, default=default_folder())
    folder: Path = parser.parse_args().model_folder
    mx.set_default_device(mx.cpu)
    model, tokenizer = load(str(folder))
    write_window(model, tokenizer)
    last: list[Any] = []
    cases: list[dict[str, Any]] = []
    for index, text in enumerate(PROMPTS):
        ids = prompt_ids(tokenizer, text)
        logits = logits_of(model, ids)
        tokens, margin = greedy(model, ids, model.make_cache(), GREEDY_TOKENS)
        last.append(mx.array(logits[-1]))
        cases.append(
            {
                "text": text,
                "prompt": ids,
                "greedy": tokens,
                "smallest_margin": round(margin, 5),
                "sampled_logits": logits[:, SAMPLED_IDS].round(5).tolist(),
            }
        )
        print(f"prompt {index}: {len(ids)} tokens, margin {margin:.4f}")
    write_adapter(model, GOLDEN / "adapter")
    for index, case in enumerate(cases):
        adapted = mx.array(logits_of(model, case["prompt"])[-1][::ADAPTER_STRIDE])
        tensors = {"last": last[index], "adapter_last": adapted}
        mx.save_safetensors(str(GOLDEN / f"logits_{index}.safetensors"), tensors)
    record = {
        "made_by": "scripts/make_goldens.py",
        "versions": versions(),
        "model": MODEL,
        "dtype": "float32",
        "tolerance": TOLERANCE,
        "sampled_ids": SAMPLED_IDS,
        "adapter_stride": ADAPTER_STRIDE,
        "cases": cases,
    }
    (GOLDEN / "forward.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
