"""LoRA steps in PyTorch on an NVIDIA GPU, the peer of bench_training.py --shape: base and adapters in bfloat16.

    python3 scripts/torch_lora.py --shape 8b --batch 4 --length 512 --layers 16 --steps 12

Everything that PyTorch offers for it without further packages: transformers' Llama with its fused attention, frozen
dense weights in bfloat16 (no unpacking to do), adapters in bfloat16, the fused AdamW. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from typing import Any

SHAPES = {
    "8b": {"layers": 32, "hidden": 4096, "inner": 14336, "heads": 32, "kv": 8, "vocabulary": 128256}
}


def adapted(torch: Any, linear: Any, rank: int, scale: float) -> Any:
    """A module that adds scale * (x A) B to a frozen linear."""

    class Lora(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = linear
            bound = linear.in_features**-0.5
            options = {"device": "cuda", "dtype": torch.bfloat16}
            self.a = torch.nn.Parameter(
                torch.empty(rank, linear.in_features, **options).uniform_(-bound, bound)
            )
            self.b = torch.nn.Parameter(torch.zeros(linear.out_features, rank, **options))

        def forward(self, x: Any) -> Any:
            functional = torch.nn.functional
            low = functional.linear(x, self.a) * scale
            return self.linear(x) + functional.linear(low, self.b)

    return Lora()


def make_model(torch: Any, shape: dict[str, int], layers: int, rank: int) -> Any:
    transformers: Any = importlib.import_module("transformers")
    config = transformers.LlamaConfig(
        hidden_size=shape["hidden"],
        intermediate_size=shape["inner"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kv"],
        vocab_size=shape["vocabulary"],
        max_position_embeddings=4096,
        use_cache=False,
        attn_implementation="sdpa",
        tie_word_embeddings=False,
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = transformers.LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.requires_grad_(False)
    for layer in model.model.layers[-layers:]:
        for part in (layer.self_attn, layer.mlp):
            for name, child in list(part.named_children()):
                if isinstance(child, torch.nn.Linear):
                    setattr(part, name, adapted(torch, child, rank, 20.0))
    return model.train()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=sorted(SHAPES), default="8b")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    shape = SHAPES[options.shape]
    model = make_model(torch, shape, options.layers, options.rank)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    tokens = torch.randint(
        0, shape["vocabulary"], (options.batch, options.length + 1), device="cuda"
    )
    seconds: list[float] = []
    losses: list[float] = []
    torch.cuda.reset_peak_memory_stats()
    for _ in range(options.steps):
        torch.cuda.synchronize()
        start = time.perf_counter()
        logits = model(input_ids=tokens[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), tokens[:, 1:].flatten()
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss))
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "step_seconds": seconds,
                "losses": losses,
                "peak_bytes": int(torch.cuda.max_memory_allocated()),
                "trained_values": sum(parameter.numel() for parameter in trained),
                "version": f"torch {torch.__version__}",
                "device": torch.cuda.get_device_name(0),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
