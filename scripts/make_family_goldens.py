"""Records what mlx-lm computes with tiny models of each family, for tests/unit/models/families_test.cpp.

Written to tests/golden/models/families: <case>.safetensors with "logits" [sequences, length, vocabulary] and
the gradients of a LoRA step ("<module>.lora_a", "<module>.lora_b"); its metadata say in "record" what the case
is: config.json, the model's tensors, the tokens, the adapter, and a greedy continuation. Weights are not
stored: each element follows from the tensor's name and its index (see `values`), so that the test makes the
same ones. All in float32.

    uv run python scripts/make_family_goldens.py [CASE ...]
"""

import argparse
import copy
import importlib
import json
import math
from pathlib import Path
from typing import Any

import mlx.core
import mlx.nn
import mlx.utils
import mlx_lm
import mlx_lm.tuner.utils
import mlx_lm.utils
import numpy as np
from family_cases import CASES

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
nn: Any = mlx.nn
tree: Any = mlx.utils
tuner: Any = mlx_lm.tuner.utils
remapped: dict[str, str] = mlx_lm.utils.MODEL_REMAPPING

# Modules of mlx-lm that have another name than their model_type.
MODULES = {"qwen3_5_text": "qwen3_5"}
# What mlx-lm puts before the names of a text model that it reads like one that also sees images.
PREFIX = "language_model."

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "models" / "families"
SEQUENCES, LENGTH, PROMPT, GREEDY_TOKENS = 2, 24, 5, 20
RANK, SCALE = 2, 4.0
# max|difference| / max|value|: of the logits, and of each gradient.
LOGITS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Words = np.ndarray[Any, np.dtype[np.uint32]]


def words(name: str, count: int) -> Words:
    """Random bits: FNV-1a of the name plus multiples of the golden ratio, through MurmurHash3's finalizer."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    x = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def array_of(numbers: Any) -> Any:
    return mx.array(numbers)


def values(name: str, shape: list[int], mean: float, spread: float) -> Any:
    """Uniform in [mean - spread, mean + spread)."""
    unit: FloatArray = (words(name, math.prod(shape)) >> np.uint32(8)) / float(1 << 23) - 1.0
    return mx.array((mean + spread * unit).astype(np.float32).reshape(shape))


def make_tensor(tensor: dict[str, Any]) -> Any:
    name, shape = str(tensor["name"]), list[int](tensor["shape"])
    size = math.prod(shape)
    if tensor["dtype"] == "U32":
        bits: Any = words(name, size)
        return array_of(bits.reshape(shape))
    if tensor["dtype"] == "U8":  # exponents of mxfp4: 2^-3 … 2^0
        bits: Any = words(name, size)
        return array_of((124 + bits % 4).astype(np.uint8).reshape(shape))
    return values(name, shape, tensor["mean"], tensor["spread"])


def describe(
    name: str, array: Any, scales: dict[str, tuple[int, int]], offset: float
) -> dict[str, Any]:
    """How a tensor of the model is filled: norms around `offset`, packed weights with steps that give a matrix's usual
    spread, everything else as a matrix of unit-variance outputs."""
    shape = list(array.shape)
    tensor: dict[str, Any] = {"name": name, "shape": shape, "dtype": "F32", "mean": 0.0}
    module, _, last = name.rpartition(".")
    if array.dtype == mx.uint32:
        tensor["dtype"] = "U32"
    elif array.dtype == mx.uint8:
        tensor["dtype"] = "U8"
    elif last in ("scales", "biases"):
        columns, levels = scales[module]
        step = 3.4 / (columns**0.5 * levels)
        tensor["mean"] = step if last == "scales" else -step * levels / 2
        tensor["spread"] = 0.2 * step
    elif "norm" in name and len(shape) == 1:
        tensor["mean"] = offset
        tensor["spread"] = 0.3
    elif last in ("scale", "per_expert_scale", "layer_scalar"):  # Gemma 4: factors
        tensor["mean"] = 1.0
        tensor["spread"] = 0.3
    elif len(shape) == 1:
        tensor["spread"] = 0.5
    else:
        tensor["spread"] = (3.0 / shape[-1]) ** 0.5
    return tensor


def build(config: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    """The model with our weights, and how each of its tensors is filled."""
    stated: str = config["model_type"]
    model_type = MODULES.get(stated, remapped.get(stated, stated))
    module: Any = importlib.import_module(f"mlx_lm.models.{model_type}")
    model: Any = module.Model(module.ModelArgs.from_dict(copy.deepcopy(config)))
    if hasattr(model, "sanitize") and config.get("tie_word_embeddings"):
        model.sanitize({})  # Gemma finds out here that its embeddings are tied
    scales: dict[str, tuple[int, int]] = {}
    if quantization := config.get("quantization"):

        def packing(path: str, layer: Any) -> Any:
            if not hasattr(layer, "to_quantized"):
                return False
            own = quantization.get(path, quantization)
            if own:
                scales[path] = (layer.weight.shape[-1], (1 << own["bits"]) - 1)
            return (
                {key: own[key] for key in ("group_size", "bits", "mode") if key in own}
                if own
                else False
            )

        nn.quantize(model, class_predicate=packing)
    named: list[tuple[str, Any]] = tree.tree_flatten(model.parameters())
    offset = 0.0 if "gemma3" in str(model_type) else 1.0  # its norms multiply by 1 + weight
    tensors = [
        describe(name.removeprefix(PREFIX), array, scales, offset) for name, array in sorted(named)
    ]
    names = [name for name, _ in sorted(named)]
    model.load_weights([(name, make_tensor(own)) for name, own in zip(names, tensors, strict=True)])
    return model, tensors


def greedy(model: Any, prompt: list[int]) -> tuple[list[int], float]:
    """The continuation, and the smallest margin between the best and the second-best logit of a step."""
    cache = model.make_cache() if hasattr(model, "make_cache") else None
    if cache is None:
        cache_module: Any = importlib.import_module("mlx_lm.models.cache")
        cache = cache_module.make_prompt_cache(model)
    tokens: list[int] = []
    margin = float("inf")
    step = mx.array([prompt])
    for _ in range(GREEDY_TOKENS):
        last = np.array(model(step, cache=cache)[0, -1], dtype=np.float32)
        best, second = np.argsort(last)[::-1][:2]
        margin = min(margin, float(last[best] - last[second]))
        tokens.append(int(best))
        step = mx.array([[int(best)]])
    return tokens, margin


def add_adapter(model: Any) -> list[str]:
    """LoRA on every linear of the layers; the names of its factors."""
    tuner.linear_to_lora_layers(
        model, len(model.layers), {"rank": RANK, "scale": SCALE, "dropout": 0.0}
    )
    named: list[tuple[str, Any]] = tree.tree_flatten(model.parameters())
    factors = {name: array for name, array in named if name.endswith((".lora_a", ".lora_b"))}
    model.freeze()
    for _, layer in model.named_modules():
        if "lora_a" in layer:
            layer.unfreeze(keys=["lora_a", "lora_b"])
    filled = [
        (
            name,
            values(
                name.removeprefix(PREFIX),
                list(array.shape),
                0.0,
                0.3 if name.endswith("a") else 0.1,
            ),
        )
        for name, array in factors.items()
    ]
    model.load_weights(filled, strict=False)
    return sorted(factors)


def gradients(model: Any, tokens: Any, targets: Any) -> dict[str, Any]:
    def loss(trained: Any) -> Any:
        return nn.losses.cross_entropy(trained(tokens), targets, reduction="mean")

    model.train()
    _, slopes = nn.value_and_grad(model, loss)(model)
    return dict(tree.tree_flatten(slopes))


def record_case(name: str, config: dict[str, Any]) -> None:
    model, tensors = build(config)
    ids = words(f"{name} tokens", SEQUENCES * (LENGTH + 1)) % np.uint32(config["vocab_size"])
    rows = ids.astype(np.int32).reshape(SEQUENCES, LENGTH + 1)
    inputs, targets = mx.array(rows[:, :-1]), mx.array(rows[:, 1:])
    model.eval()
    logits = model(inputs)
    prompt = rows[0, :PROMPT].tolist()
    continuation, margin = greedy(model, prompt)
    factors = add_adapter(model)
    slopes = gradients(model, inputs, targets)
    record = {
        "made_by": "scripts/make_family_goldens.py",
        "versions": {"mlx": mx.__version__, "mlx_lm": mlx_lm.__version__},
        "dtype": "float32",
        "logits_tolerance": LOGITS_TOLERANCE,
        "gradient_tolerance": GRADIENT_TOLERANCE,
        "config": config,
        "tensors": tensors,
        "inputs": rows[:, :-1].tolist(),
        "targets": rows[:, 1:].tolist(),
        "greedy": {"prompt": prompt, "tokens": continuation, "smallest_margin": round(margin, 5)},
        "adapter": {
            "rank": RANK,
            "scale": SCALE,
            "factors": [factor.removeprefix(PREFIX) for factor in factors],
        },
    }
    arrays = {"logits": logits}
    arrays |= {factor.removeprefix(PREFIX): slopes[factor] for factor in factors}
    GOLDEN.mkdir(parents=True, exist_ok=True)
    file = GOLDEN / f"{name}.safetensors"
    mx.save_safetensors(str(file), arrays, {"record": json.dumps(record)})
    print(
        f"{name}: {len(tensors)} tensors, {file.stat().st_size} bytes, |logit| up to "
        f"{float(mx.max(mx.abs(logits))):.2f}, margin {margin:.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], help="all when none is named")
    wanted: list[str] = parser.parse_args().cases or list(CASES)
    mx.set_default_device(mx.cpu)
    for name in wanted:
        record_case(name, CASES[name])


if __name__ == "__main__":
    main()
