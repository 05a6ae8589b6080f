"""Records what Hugging Face's PEFT computes with its own adapters, for tests/integration/test_peft.py.

Written to tests/golden/peft: base/ (a tiny Llama), one folder an adapter as PEFT saves it, and logits.safetensors
(float32, of TOKENS; tolerance 1e-4):
  plain    rank 4 on q_proj and v_proj of every layer
  varied   rank_pattern, alpha_pattern and use_rslora
  partial  layers_to_transform leaves the last layer out

PyTorch is no dependency of this project. In an environment of its own:

    uv venv /tmp/peft && uv pip install --python /tmp/peft/bin/python torch transformers peft
    /tmp/peft/bin/python scripts/make_peft_goldens.py
    /tmp/peft/bin/python scripts/make_peft_goldens.py --check FOLDER  # PEFT loads what we exported for `plain`
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "peft"
TOKENS = [1, 17, 42, 8, 33, 60, 5, 21]
CONFIG: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip
ADAPTERS: dict[str, dict[str, Any]] = {
    "plain": {"r": 4, "lora_alpha": 10, "target_modules": ["q_proj", "v_proj"]},
    "varied": {
        "r": 4, "lora_alpha": 6, "use_rslora": True, "target_modules": ["q_proj", "v_proj", "down_proj"],
        "rank_pattern": {"down_proj": 6, "layers.1.self_attn.v_proj": 2},
        "alpha_pattern": {"v_proj": 3, "layers.0.mlp.down_proj": 12},
    },
    "partial": {
        "r": 2, "lora_alpha": 4, "target_modules": ["o_proj", "up_proj"], "layers_to_transform": [0, 1],
    },
}  # fmt: skip

# None of them is installed in this project's own environment.
torch: Any = importlib.import_module("torch")
peft: Any = importlib.import_module("peft")
transformers: Any = importlib.import_module("transformers")
safetensors: Any = importlib.import_module("safetensors.torch")


def base_model() -> Any:
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG))
    chance = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            values = torch.randn(parameter.shape, generator=chance) * parameter.shape[1] ** -0.5
            parameter.data.copy_(values)
    return model.eval()


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0].contiguous()


def save_base(model: Any) -> None:
    folder = GOLDEN / "base"
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **CONFIG}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = {
        name: value.contiguous()
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    safetensors.save_file(tensors, str(folder / "model.safetensors"), {"format": "pt"})


def record() -> None:
    recorded = {"base": logits(base_model())}
    save_base(base_model())
    for number, (name, settings) in enumerate(ADAPTERS.items()):
        model = peft.get_peft_model(
            base_model(), peft.LoraConfig(task_type="CAUSAL_LM", bias="none", **settings)
        )
        chance = torch.Generator().manual_seed(100 + number)
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                parameter.data.copy_(torch.randn(parameter.shape, generator=chance) * 0.15)
        recorded[name] = logits(model.eval())
        model.save_pretrained(str(GOLDEN / name), safe_serialization=True)
        (GOLDEN / name / "README.md").unlink(missing_ok=True)
    safetensors.save_file(recorded, str(GOLDEN / "logits.safetensors"))
    for name, value in recorded.items():
        print(f"{name}: max|logit| {value.abs().max():.3f}", end="")
        print(f", changed by {(value - recorded['base']).abs().max():.3f}")


def check(folder: str) -> None:
    model = peft.PeftModel.from_pretrained(base_model(), folder).eval()
    expected = safetensors.load_file(str(GOLDEN / "logits.safetensors"))["plain"]
    print(f"max|difference| {(logits(model) - expected).abs().max():.2e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", metavar="FOLDER", help="load this adapter and compare with plain"
    )
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    else:
        record()


if __name__ == "__main__":
    main()
