"""Records losses, rewards and gradients of preference training over a tiny model, for tests/unit/train.

Written to tests/golden/train: preference.json, and preference_start.safetensors with the adapter; all float32 on the
CPU, with mlx-lm's model and LoRA over the weights of make_method_goldens.py. The formulas are those of TRL:
DPOTrainer.dpo_loss (arXiv:2305.18290, arXiv:2310.12036) and ORPOTrainer.odds_ratio_loss (arXiv:2403.07691), but ORPO's
likelihood is the mean over pairs of the chosen answers' own, as in the paper's eq. 6.

    uv run python scripts/make_preference_goldens.py
"""

import json
from typing import Any

import make_method_goldens as method
import numpy as np

mx: Any = method.mx
nn: Any = method.nn

GOLDEN = method.GOLDEN.parent / "preference.json"
RANK, KEYS = 3, method.ATTENTION
# name, objective, loss_type, beta, label_smoothing
CASES: list[tuple[str, str, str, float, float]] = [
    ("dpo", "dpo", "sigmoid", 0.1, 0.0),
    ("dpo_strong", "dpo", "sigmoid", 2.0, 0.0),
    ("cdpo", "dpo", "sigmoid", 0.5, 0.2),
    ("hinge", "dpo", "hinge", 0.3, 0.0),
    ("ipo", "dpo", "ipo", 0.4, 0.0),
    ("orpo", "orpo", "sigmoid", 0.1, 0.0),
    ("orpo_strong", "orpo", "sigmoid", 1.5, 0.0),
]
Row = tuple[list[int], int]


def make_pairs(count: int, rng: Any) -> list[dict[str, Any]]:
    """A prompt with two answers, all of different lengths."""
    pairs: list[dict[str, Any]] = []
    vocabulary = method.CONFIG["vocab_size"]
    for _ in range(count):
        prompt = rng.integers(3, vocabulary, rng.integers(2, 12)).tolist()
        answers = [rng.integers(3, vocabulary, rng.integers(1, 20)).tolist() for _ in range(2)]
        pairs.append({
            "chosen": prompt + answers[0], "rejected": prompt + answers[1], "offset": len(prompt),
        })  # fmt: skip
    return pairs


def log_probs(model: Any, rows: list[Row], average: bool) -> Any:
    """TRL's get_batch_logps: of the tokens from each row's offset on."""
    length = max(len(tokens) for tokens, _ in rows)
    inputs = mx.array([tokens + [0] * (length - len(tokens)) for tokens, _ in rows])
    mask = mx.array([
        [1.0 if offset <= t < len(tokens) else 0.0 for t in range(1, length)]
        for tokens, offset in rows
    ])  # fmt: skip
    logits = model(inputs[:, :-1]).astype(mx.float32)
    log_softmax = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    chosen = mx.take_along_axis(log_softmax, inputs[:, 1:, None], -1).squeeze(-1)
    sums = (chosen * mask).sum(-1)
    return sums / mask.sum(-1) if average else sums


def dpo_loss(case: tuple[str, str, str, float, float], policy: Any, reference: Any) -> Any:
    """DPOTrainer.dpo_loss."""
    _, _, loss_type, beta, smoothing = case
    half = policy.shape[0] // 2
    logits = (policy[:half] - policy[half:]) - (reference[:half] - reference[half:])
    if loss_type == "hinge":
        return mx.maximum(1 - beta * logits, 0)
    if loss_type == "ipo":
        return (logits - 1 / (2 * beta)) ** 2
    return (
        -nn.log_sigmoid(beta * logits) * (1 - smoothing)
        - nn.log_sigmoid(-beta * logits) * smoothing
    )


def orpo_loss(beta: float, policy: Any) -> Any:
    """ORPOTrainer.odds_ratio_loss, and the likelihood."""
    half = policy.shape[0] // 2
    chosen, rejected = policy[:half], policy[half:]
    log_odds = (chosen - rejected) - (mx.log1p(-mx.exp(chosen)) - mx.log1p(-mx.exp(rejected)))
    return -chosen - beta * nn.log_sigmoid(log_odds)


def measure(
    case: tuple[str, str, str, float, float], model: Any, rows: list[Row], reference: Any
) -> dict[str, Any]:
    name, objective, loss_type, beta, smoothing = case
    average = objective == "orpo" or loss_type == "ipo"
    half = len(rows) // 2

    def loss(model: Any) -> Any:
        policy = log_probs(model, rows, average)
        losses = (
            dpo_loss(case, policy, reference) if objective == "dpo" else orpo_loss(beta, policy)
        )
        return losses.mean()

    value, gradients = nn.value_and_grad(model, loss)(model)
    policy = log_probs(model, rows, average)
    rewards = beta * (policy - reference if objective == "dpo" else policy)
    wins = (rewards[:half] > rewards[half:]).astype(mx.float32)
    return {
        "name": name, "objective": objective, "loss_type": loss_type, "beta": beta,
        "label_smoothing": smoothing, "loss": float(value.item()),
        "reward_chosen": float(rewards[:half].mean().item()),
        "reward_rejected": float(rewards[half:].mean().item()),
        "reward_accuracy": float(wins.mean().item()),
        "log_probs": policy.tolist(), "gradients": method.projections(gradients),
    }  # fmt: skip


def main() -> None:
    tensors = method.weights()
    pairs = make_pairs(5, np.random.default_rng(29))
    rows: list[Row] = [
        (pair[half], pair["offset"]) for half in ("chosen", "rejected") for pair in pairs
    ]
    model = method.tiny(tensors, True, 0)
    references = {average: log_probs(model, rows, average) for average in (False, True)}
    mx.eval(*references.values())
    method.prepare(model, "lora", -1, KEYS, RANK)
    start = method.move(model, np.random.default_rng(37))
    mx.save_safetensors(str(GOLDEN.parent / "preference_start.safetensors"), start)
    cases = [
        measure(case, model, rows, references[case[1] == "orpo" or case[2] == "ipo"])
        for case in CASES
    ]
    golden = {
        "made_by": "scripts/make_preference_goldens.py", "mlx": mx.__version__,
        "config": method.CONFIG, "rank": RANK, "scale": method.SCALE, "keys": KEYS,
        "pairs": pairs, "cases": cases,
    }  # fmt: skip
    GOLDEN.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
