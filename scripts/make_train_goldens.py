"""Records what mlx-lm computes in training, for tests/unit/train.

Written to tests/golden/train: loss_golden.json (losses, gradient norms and the first Adam steps on a
real model) and lora_init.safetensors (the adapter they start from).

    uv run python scripts/make_train_goldens.py [MODEL_FOLDER]
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import mlx.core
import mlx.nn
import mlx.optimizers
import mlx.utils
import mlx_lm.tuner.trainer
import mlx_lm.tuner.utils
import mlx_lm.utils
import numpy as np

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
nn: Any = mlx.nn
optim: Any = mlx.optimizers
trainer: Any = mlx_lm.tuner.trainer
tuner: Any = mlx_lm.tuner.utils
load: Any = mlx_lm.utils.load
tree: Any = mlx.utils

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "train"
MODEL = "smollm2-135m-instruct-f32"
RANK, SCALE, SEED = 2, 20.0, 7
KEYS = ["self_attn.q_proj", "self_attn.v_proj"]
NUM_LAYERS = 2
MAX_SEQ_LENGTH = 40

# (prompt, completion): one cut by MAX_SEQ_LENGTH, one padded, one of a single trained token.
ROWS = [
    ("What is the capital of France?", "Paris."),
    ("Name three primary colours.", "Red, yellow and blue are the three primary colours."),
    ("Say yes.", "Yes"),
    (
        "Count from one to twenty in words, please.",
        "One, two, three, four, five, six, seven, eight,"
        " nine, ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen, seventeen, eighteen.",
    ),
]
BATCHES = [[0, 1], [2, 3], [0, 1, 2, 3]]


def default_folder() -> Path:
    models = os.environ.get("MLX_HUB_MODELS")
    if models:
        return Path(models) / MODEL
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(cache) / "mlx-hub" / "models" / MODEL


def tokenize(tokenizer: Any) -> list[tuple[list[int], int]]:
    """Token ids and offset of the first trained token, as mlx_lm's CompletionsDataset with mask_prompt."""
    rows: list[tuple[list[int], int]] = []
    for prompt, completion in ROWS:
        user = {"role": "user", "content": prompt}
        whole = tokenizer.apply_chat_template(
            [user, {"role": "assistant", "content": completion}], return_dict=False
        )
        start = tokenizer.apply_chat_template([user], add_generation_prompt=True, return_dict=False)
        # The default system prompt is the same for all rows: leave most of it out to keep rows short.
        skip = max(0, len(start) - 16)
        rows.append((whole[skip:], len(start) - skip))
    return rows


def batch_of(rows: list[tuple[list[int], int]], indices: list[int]) -> tuple[Any, Any]:
    chosen = [rows[i] for i in indices]
    batches = trainer.iterate_batches(chosen, len(chosen), MAX_SEQ_LENGTH)
    return next(iter(batches))


def exact_loss(model: Any, batch: Any, lengths: Any) -> float:
    """The strict loss (no target past a row's end) in float64 from mlx-lm's logits: MLX's own sum over the vocabulary
    rounds in float32, on a CPU by about 1e-4."""
    xp: Any = np
    logits = xp.array(model(batch[:, :-1]).astype(mx.float32), dtype=xp.float64)
    targets = xp.array(batch[:, 1:])
    steps = xp.arange(1, targets.shape[1] + 1)
    bounds = xp.array(lengths)
    mask = (steps >= bounds[:, 0:1]) & (steps < bounds[:, 1:])
    top = logits.max(-1)
    total = xp.log(xp.exp(logits - top[..., None]).sum(-1)) + top
    chosen = xp.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return float(((total - chosen) * mask).sum() / mask.sum())


def set_adapter(model: Any) -> dict[str, Any]:
    """A fixed adapter with B != 0, so that both factors have gradients."""
    rng = np.random.default_rng(SEED)
    weights: dict[str, Any] = {}
    for name, value in sorted(tree.tree_flatten(model.trainable_parameters())):
        bound = 0.05 if name.endswith("lora_a") else 0.01
        weights[name] = mx.array(rng.uniform(-bound, bound, value.shape).astype(np.float32))
    model.load_weights(list(weights.items()), strict=False)
    return weights


def norms(gradients: Any) -> dict[str, float]:
    return {
        name: float(mx.sqrt(mx.sum(mx.square(g))).item())
        for name, g in sorted(tree.tree_flatten(gradients))
    }


def real_model(folder: Path) -> dict[str, Any]:
    model, tokenizer = load(str(folder))
    model.freeze()
    rows = tokenize(tokenizer)
    golden: dict[str, Any] = {
        "model": MODEL, "rank": RANK, "scale": SCALE, "keys": KEYS, "num_layers": NUM_LAYERS,
        "max_seq_length": MAX_SEQ_LENGTH,
        "rows": [{"tokens": tokens, "offset": offset} for tokens, offset in rows],
        "batches": [],
    }  # fmt: skip
    bases: list[dict[str, float]] = []
    for indices in BATCHES:
        batch = batch_of(rows, indices)
        loss = float(trainer.default_loss(model, *batch)[0].item())
        bases.append({"base_loss": loss, "exact_strict_base_loss": exact_loss(model, *batch)})

    config = {"rank": RANK, "scale": SCALE, "dropout": 0.0, "keys": KEYS}
    tuner.linear_to_lora_layers(model, NUM_LAYERS, config)
    weights = set_adapter(model)
    mx.save_safetensors(str(GOLDEN / "lora_init.safetensors"), weights)

    value_and_grad = nn.value_and_grad(model, trainer.default_loss)
    for indices, base in zip(BATCHES, bases, strict=True):
        (loss, count), gradients = value_and_grad(model, *batch_of(rows, indices))
        golden["batches"].append({
            "rows": indices, **base, "loss": float(loss.item()), "tokens": int(count.item()),
            "gradient_norms": norms(gradients),
        })  # fmt: skip

    # The first steps of AdamW on the same batch, from the same adapter.
    optimizer = optim.AdamW(learning_rate=1e-3, weight_decay=0.01)
    losses: list[float] = []
    batch = batch_of(rows, BATCHES[2])
    for _ in range(4):
        (loss, _), gradients = value_and_grad(model, *batch)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state, loss)
        losses.append(float(loss.item()))
    golden["adamw"] = {
        "learning_rate": 1e-3, "weight_decay": 0.01, "batch": 2, "losses": losses,
        "norms_after": norms(model.trainable_parameters()),
    }  # fmt: skip
    return golden


def write(name: str, golden: dict[str, Any]) -> None:
    golden = {"made_by": "scripts/make_train_goldens.py", "mlx": mx.__version__, **golden}
    (GOLDEN / name).write_text(json.dumps(golden, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    folder: Path = parser.parse_args().folder
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write("loss_golden.json", real_model(folder))


if __name__ == "__main__":
    main()
