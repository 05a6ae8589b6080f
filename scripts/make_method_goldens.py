"""Records what mlx-lm computes for each way of fine-tuning a tiny model, for tests/unit/train.

Written to tests/golden/train/methods, all float32 on the CPU: tiny.safetensors (the weights), start.safetensors
(the trained values that each case begins with), methods.json (loss and gradients of one step) and curve.json (the
loss of each step of mlx-lm's own train(), driven by the batches of our StepPlan, whose order is computed here a
second time).

    uv run python scripts/make_method_goldens.py
"""

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core
import mlx.nn
import mlx.optimizers
import mlx.utils
import mlx_lm.models.llama
import mlx_lm.tuner.dora
import mlx_lm.tuner.trainer
import mlx_lm.tuner.utils
import numpy as np

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
nn: Any = mlx.nn
optim: Any = mlx.optimizers
tree: Any = mlx.utils
llama: Any = mlx_lm.models.llama
dora: Any = mlx_lm.tuner.dora
trainer: Any = mlx_lm.tuner.trainer
tuner: Any = mlx_lm.tuner.utils

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "train" / "methods"
CONFIG: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 64,
    "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "attention_bias": True, "eos_token_id": 2, "bos_token_id": 1,
}  # fmt: skip
GROUP_SIZE = 32
RANK, SCALE = 3, 4.0
MAX_SEQ_LENGTH = 48
ATTENTION = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]
# name, method, tied embeddings, bits (0: dense), num_layers, keys
CASES: list[tuple[str, str, bool, int, int, list[str]]] = [
    ("lora", "lora", True, 0, -1, ATTENTION),
    ("lora_4bit", "lora", True, 4, 1, ATTENTION),
    ("lora_head", "lora", False, 0, 1, ["mlp.up_proj", "model.embed_tokens", "lm_head"]),
    ("lora_tied_embedding", "lora", True, 8, 1, ["mlp.up_proj", "model.embed_tokens"]),
    ("lora_one_module", "lora", True, 0, -1, ["model.layers.0.mlp.up_proj", "self_attn.k_proj"]),
    ("dora", "dora", True, 0, -1, ATTENTION),
    *[(f"dora_{bits}bit", "dora", True, bits, 1, ATTENTION) for bits in (2, 3, 4, 5, 6, 8)],
    ("dora_head", "dora", False, 0, 1, ["mlp.up_proj", "model.embed_tokens", "lm_head"]),
    ("dora_tied_embedding", "dora", True, 0, 1, ["mlp.up_proj", "model.embed_tokens"]),
    ("full_last", "full", True, 0, 1, []),
    ("full", "full", False, 0, -1, []),
]
CURVE = {
    "batch_size": 4,
    "grad_accumulation_steps": 2,
    "seed": 5,
    "steps": 50,
    "learning_rate": 3e-3,
}
MASK = (1 << 64) - 1


def weights() -> dict[str, Any]:
    """Every tensor, output head included: a tied model leaves it out."""
    rng = np.random.default_rng(11)
    model = llama.Model(llama.ModelArgs.from_dict({**CONFIG, "tie_word_embeddings": False}))
    made: dict[str, Any] = {}
    for name, value in sorted(tree.tree_flatten(model.parameters())):
        width = 1 / math.sqrt(value.shape[-1]) if value.ndim == 2 else 0.1
        mean = 1.0 if "norm" in name else 0.0
        made[name] = mx.array(rng.normal(mean, width, value.shape).astype(np.float32))
    return made


def tiny(tensors: dict[str, Any], tied: bool, bits: int) -> Any:
    model = llama.Model(llama.ModelArgs.from_dict({**CONFIG, "tie_word_embeddings": tied}))
    own = {name: value for name, value in tensors.items() if not (tied and "lm_head" in name)}
    model.load_weights(list(own.items()))
    if bits:
        nn.quantize(model, group_size=GROUP_SIZE, bits=bits)
    model.freeze()
    return model


def dora_from_base(linear: Any, r: int, dropout: float, scale: float) -> Any:
    """As DoRALinear.from_base, whose input width is wrong for 3, 5 and 6 bits."""
    rows, columns = linear.weight.shape
    if isinstance(linear, nn.QuantizedLinear):
        columns = columns * 32 // linear.bits
    made = dora.DoRALinear(columns, rows, r, dropout, scale)
    made.set_linear(linear)
    return made


def prepare(model: Any, method: str, num_layers: int, keys: list[str], rank: int) -> None:
    """As mlx_lm/lora.py: train_model."""
    if method == "full":
        for layer in model.layers[-max(num_layers, 0) :]:
            layer.unfreeze()
        return
    parameters = {"rank": rank, "scale": SCALE, "dropout": 0.0, "keys": keys}
    tuner.linear_to_lora_layers(model, num_layers, parameters, use_dora=method == "dora")


def move(model: Any, rng: Any) -> dict[str, Any]:
    """Trained values away from where they start, so that all have gradients."""
    moved: dict[str, Any] = {}
    for name, value in sorted(tree.tree_flatten(model.trainable_parameters())):
        noise = rng.uniform(-0.1, 0.1, value.shape).astype(np.float32)
        factor = name.endswith(("lora_a", "lora_b"))
        moved[name] = mx.array(noise) if factor else value * (1 + mx.array(noise))
    model.load_weights(list(moved.items()), strict=False)
    mx.eval(model.parameters())
    return moved


def make_rows(count: int, rng: Any) -> list[tuple[list[int], int]]:
    """Token ids and offset of the first trained token."""
    rows: list[tuple[list[int], int]] = []
    for _ in range(count):
        tokens = rng.integers(3, CONFIG["vocab_size"], rng.integers(5, 40)).tolist()
        rows.append((tokens, int(rng.integers(1, len(tokens) - 1))))
    return rows


def batch_of(rows: list[tuple[list[int], int]], indices: list[int]) -> tuple[Any, Any]:
    chosen = [rows[i] for i in indices]
    return next(iter(trainer.iterate_batches(chosen, len(chosen), MAX_SEQ_LENGTH)))


def projections(gradients: Any) -> dict[str, list[float]]:
    """Norm and the product with sin(1), sin(2), …: both size and direction."""
    result: dict[str, list[float]] = {}
    for name, value in sorted(tree.tree_flatten(gradients)):
        flat = np.array(value, dtype=np.float64).reshape(-1)
        waves = np.sin(np.arange(1, flat.size + 1))
        result[name] = [float(np.sqrt((flat**2).sum())), float(flat @ waves)]
    return result


def methods(tensors: dict[str, Any], rows: list[tuple[list[int], int]]) -> dict[str, Any]:
    start: dict[str, Any] = {}
    cases: list[dict[str, Any]] = []
    indices = [0, 1, 2, 3]
    for name, method, tied, bits, num_layers, keys in CASES:
        model = tiny(tensors, tied, bits)
        base_loss = trainer.default_loss(model, *batch_of(rows, indices))[0]
        prepare(model, method, num_layers, keys, RANK)
        moved = move(model, np.random.default_rng(3))
        start.update({f"{name}/{tensor}": value for tensor, value in moved.items()})
        loss_and_grad = nn.value_and_grad(model, trainer.default_loss)
        (loss, tokens), gradients = loss_and_grad(model, *batch_of(rows, indices))
        cases.append({
            "name": name, "method": method, "tied": tied, "bits": bits, "num_layers": num_layers,
            "keys": keys, "base_loss": float(base_loss.item()), "loss": float(loss.item()),
            "tokens": int(tokens.item()), "gradients": projections(gradients),
        })  # fmt: skip
    mx.save_safetensors(str(GOLDEN / "start.safetensors"), start)
    return {"rank": RANK, "scale": SCALE, "batch": indices, "cases": cases}


class SplitMix64:
    """core/data/split.h."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        reject = (1 << 64) % bound
        while (number := self.next()) < reject:
            pass
        return number % bound

    def shuffle(self, items: list[Any]) -> None:
        for left in range(len(items), 1, -1):
            other = self.below(left)
            items[left - 1], items[other] = items[other], items[left - 1]


def epoch_batches(lengths: list[int], epoch: int) -> list[list[int]]:
    """core/data/split.h: epoch_order, core/train/batches.h: plan_batches, core/train/step_plan.h."""
    seed, size = int(CURVE["seed"]), int(CURVE["batch_size"])
    order = list(range(len(lengths)))
    SplitMix64(SplitMix64(seed).next() ^ SplitMix64(~epoch & MASK).next()).shuffle(order)
    window = min(max(len(lengths) // size // 4, 4), 64) * size
    batches: list[list[int]] = []
    for begin in range(0, len(order), window):
        near = sorted(order[begin : begin + window], key=lambda row: lengths[row])
        batches += [near[i : i + size] for i in range(0, len(near), size)]
    stream = (0x6261746368 + epoch * 0xBF58476D1CE4E5B9) & MASK
    SplitMix64(((seed * 0x9E3779B97F4A7C15) & MASK) ^ stream).shuffle(batches)
    return batches


def curve(tensors: dict[str, Any]) -> dict[str, Any]:
    """mlx_lm's train() over our batches; every epoch has a whole number of accumulated steps."""
    rows = make_rows(45, np.random.default_rng(23))
    width, wanted = int(CURVE["grad_accumulation_steps"]), int(CURVE["steps"])
    batches: list[list[int]] = []
    epochs = 0
    while len(batches) < width * wanted:
        batches += epoch_batches([len(tokens) for tokens, _ in rows], epochs)
        epochs += 1
    batches = batches[: width * wanted]
    model = tiny(tensors, True, 0)
    prepare(model, "lora", -1, ATTENTION, 4)
    begin = move(model, np.random.default_rng(7))
    mx.save_safetensors(str(GOLDEN / "curve_start.safetensors"), begin)

    def ours(**_: Any) -> Iterator[tuple[Any, Any]]:
        for indices in batches:
            yield batch_of(rows, indices)

    losses: list[float] = []

    class Record:
        def on_train_loss_report(self, info: dict[str, Any]) -> None:
            losses.append(float(info["train_loss"]))

        def on_val_loss_report(self, info: dict[str, Any]) -> None:
            raise AssertionError(info)

    with tempfile.TemporaryDirectory() as folder:
        arguments = trainer.TrainingArgs(
            batch_size=int(CURVE["batch_size"]), iters=len(batches), steps_per_report=1,
            steps_per_save=len(batches), max_seq_length=MAX_SEQ_LENGTH,
            adapter_file=f"{folder}/adapters.safetensors", grad_accumulation_steps=width,
        )  # fmt: skip
        trainer.train(
            model, optim.Adam(learning_rate=CURVE["learning_rate"]), rows, None, arguments,
            iterate_batches=ours, training_callback=Record(),
        )  # fmt: skip
    means = [sum(losses[i : i + width]) / width for i in range(0, len(losses), width)]
    return {
        **CURVE, "epochs": epochs, "rank": 4, "scale": SCALE, "keys": ATTENTION,
        "rows": [{"tokens": tokens, "offset": offset} for tokens, offset in rows],
        "batches": batches, "losses": means,
    }  # fmt: skip


def write(name: str, golden: dict[str, Any]) -> None:
    golden = {"made_by": "scripts/make_method_goldens.py", "mlx": mx.__version__, **golden}
    (GOLDEN / name).write_text(json.dumps(golden) + "\n")


def main() -> None:
    dora.DoRALinear.from_base = staticmethod(dora_from_base)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    tensors = weights()
    mx.save_safetensors(str(GOLDEN / "tiny.safetensors"), tensors)
    rows = make_rows(4, np.random.default_rng(17))
    shared = {
        "config": CONFIG, "group_size": GROUP_SIZE, "max_seq_length": MAX_SEQ_LENGTH,
        "rows": [{"tokens": tokens, "offset": offset} for tokens, offset in rows],
    }  # fmt: skip
    write("methods.json", shared | methods(tensors, rows))
    write("curve.json", {"config": CONFIG, "max_seq_length": MAX_SEQ_LENGTH} | curve(tensors))


if __name__ == "__main__":
    main()
