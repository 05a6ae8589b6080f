"""Records what mlx.optimizers computes, for tests/unit/train: optimizers_golden.json in tests/golden/train, with
parameters after each update of a toy problem, and the learning rates of schedules. Float32 on the CPU.

    uv run python scripts/make_optimizer_goldens.py
"""

import json
from pathlib import Path
from typing import Any

import mlx.core
import mlx.nn
import mlx.optimizers
import mlx_lm.tuner.utils
import numpy as np

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
nn: Any = mlx.nn
optim: Any = mlx.optimizers
tuner: Any = mlx_lm.tuner.utils

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "train"
UPDATES = 8
RATE, TOTAL, WARMUP = 0.05, 8, 2
SHAPES = {"tall": (4, 2), "vector": (5,), "wide": (3, 4)}

CLASSES = {
    "adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD, "lion": optim.Lion,
    "adafactor": optim.Adafactor, "muon": optim.Muon,
}  # fmt: skip
# (name, optimizer_config, weight_decay or None for the default, max_grad_norm)
RUNS: list[tuple[str, dict[str, Any], float | None, float]] = [
    ("adamw", {}, 0.1, 0.0),
    ("adamw", {}, 0.1, 1.0),
    ("adamw", {"bias_correction": True}, 0.1, 0.0),
    ("adamw", {"bias_correction": True, "betas": [0.8, 0.95], "eps": 1e-6}, None, 1.0),
    ("adam", {}, None, 0.0),
    ("adam", {"bias_correction": True}, None, 0.0),
    ("sgd", {}, None, 0.0),
    ("sgd", {}, 0.1, 0.0),
    ("sgd", {"momentum": 0.9}, None, 0.0),
    ("sgd", {"momentum": 0.9, "dampening": 0.2}, 0.1, 0.0),
    ("sgd", {"momentum": 0.9, "nesterov": True}, 0.1, 0.0),
    ("lion", {}, None, 0.0),
    ("lion", {"betas": [0.8, 0.95]}, 0.1, 0.0),
    ("adafactor", {}, None, 0.0),
    ("adafactor", {"relative_step": False}, 0.1, 0.0),
    ("adafactor", {"beta_1": 0.9, "warmup_init": True}, 0.1, 0.0),
    ("adafactor", {"scale_parameter": False, "clip_threshold": 0.5, "decay_rate": -0.7,
                   "relative_step": False, "eps": [1e-8, 1e-2]}, None, 0.0),
    ("muon", {}, None, 0.0),
    ("muon", {"nesterov": False, "momentum": 0.8, "ns_steps": 3}, 0.1, 0.0),
]  # fmt: skip

# (kind in our params, mlx's function, its arguments, warm-up, its start, our settings)
SCHEDULES: list[tuple[str, str, list[float], int, float, dict[str, float]]] = [
    ("linear", "linear_schedule", [1e-3, 0.0, 10], 0, 0.0, {}),
    ("linear", "linear_schedule", [1e-3, 0.0, 6], 3, 0.0, {}),
    ("linear", "linear_schedule", [1e-3, 2e-4, 4], 3, 1e-4, {"lr_end": 2e-4, "lr_decay_steps": 4}),
    ("cosine", "cosine_decay", [1e-3, 10], 0, 0.0, {}),
    ("cosine", "cosine_decay", [1e-3, 5], 4, 0.0, {}),
    ("cosine", "cosine_decay", [1e-3, 5, 1e-4], 4, 5e-4, {"lr_end": 1e-4}),
    ("exponential_decay", "exponential_decay", [1e-3, 0.8], 0, 0.0, {"lr_decay_rate": 0.8}),
    ("exponential_decay", "exponential_decay", [1e-3, 0.8], 2, 2e-3, {"lr_decay_rate": 0.8}),
    ("step_decay", "step_decay", [1e-3, 0.5, 3], 0, 0.0, {"lr_decay_rate": 0.5, "lr_decay_steps": 3}),
    ("step_decay", "step_decay", [1e-3, 0.5, 2], 3, 0.0, {"lr_decay_rate": 0.5, "lr_decay_steps": 2}),
]  # fmt: skip


def toy() -> dict[str, dict[str, Any]]:
    """sum((w - target)^2 * weight) over each parameter; curvatures differ by orders of magnitude."""
    rng = np.random.default_rng(5)

    def draw(low: float, high: float) -> dict[str, Any]:
        return {
            name: mx.array(rng.uniform(low, high, shape).astype(np.float32))
            for name, shape in SHAPES.items()
        }

    weights = {name: mx.exp(value) for name, value in draw(-4.0, 2.0).items()}
    return {"start": draw(-2.0, 2.0), "target": draw(-2.0, 2.0), "weight": weights}


def flat(parameters: dict[str, Any]) -> list[list[float]]:
    """Nine digits say which float32 it is."""
    return [
        [float(f"{value:.9g}") for value in parameters[name].reshape(-1).tolist()]
        for name in sorted(SHAPES)
    ]


def run(
    problem: dict[str, dict[str, Any]], name: str, config: dict[str, Any], decay: float | None,
    clip: float,
) -> dict[str, Any]:  # fmt: skip
    schedule = tuner.build_schedule(
        {"name": "cosine_decay", "arguments": [RATE, TOTAL - WARMUP - 1], "warmup": WARMUP}
    )
    arguments: dict[str, Any] = dict(config)
    if decay is not None:
        arguments["weight_decay"] = decay
    optimizer = CLASSES[name](learning_rate=schedule, **arguments)
    model = nn.Module()
    for key, value in problem["start"].items():
        model[key] = value
    updates: list[dict[str, Any]] = []
    for _ in range(UPDATES):
        gradients: Any = {
            key: 2 * problem["weight"][key] * (model[key] - problem["target"][key])
            for key in SHAPES
        }
        rate = float(schedule(mx.array(optimizer.step)).item())
        norm = float(mx.sqrt(sum(mx.sum(mx.square(g)) for g in gradients.values())).item())
        if clip > 0:
            gradients, _ = optim.clip_grad_norm(gradients, clip)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state)
        updates.append({"learning_rate": rate, "norm": norm, "parameters": flat(model)})
    return {
        "optimizer": name, "optimizer_config": config, "weight_decay": decay,
        "max_grad_norm": clip, "updates": updates,
    }  # fmt: skip


def schedules() -> list[dict[str, Any]]:
    """Learning rates of the first updates."""
    result: list[dict[str, Any]] = []
    for kind, name, arguments, warmup, start, settings in SCHEDULES:
        schedule = tuner.build_schedule(
            {"name": name, "arguments": arguments, "warmup": warmup, "warmup_init": start}
        )
        rates = [float(schedule(mx.array(i)).item()) for i in range(TOTAL + 4)]
        params: dict[str, Any] = {
            "lr_schedule": kind, "learning_rate": arguments[0], "warmup_steps": warmup,
            "warmup_init": start, **settings,
        }  # fmt: skip
        result.append({"params": params, "total": 10, "rates": rates})
    return result


def main() -> None:
    problem = toy()
    golden = {
        "made_by": "scripts/make_optimizer_goldens.py", "mlx": mx.__version__,
        "learning_rate": RATE, "warmup_steps": WARMUP, "total": TOTAL,
        "shapes": [SHAPES[name] for name in sorted(SHAPES)],
        **{key: flat(values) for key, values in problem.items()},
        "runs": [run(problem, *settings) for settings in RUNS],
        "schedules": schedules(),
    }  # fmt: skip
    (GOLDEN / "optimizers_golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
