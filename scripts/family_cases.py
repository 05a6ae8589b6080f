"""The tiny models of scripts/make_family_goldens.py: config.json by case."""

from typing import Any

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 64,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}

CASES: dict[str, dict[str, Any]] = {
    "llama": {
        **SHAPE,
        "model_type": "llama",
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    },
    # QLoRA, and an output head of its own.
    "llama_packed": {
        **SHAPE,
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 64,
        "tie_word_embeddings": False,
        "quantization": {
            "group_size": 32,
            "bits": 4,
            "model.embed_tokens": {"group_size": 32, "bits": 8},
            "lm_head": {"group_size": 32, "bits": 8},
        },
    },
    "llama_sliding": {
        **SHAPE,
        "model_type": "llama",
        "num_hidden_layers": 3,
        "sliding_window": 7,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "mistral": {**SHAPE, "model_type": "mistral", "tie_word_embeddings": False},
    "smollm3": {
        **SHAPE,
        "model_type": "smollm3",
        "num_hidden_layers": 3,
        "no_rope_layer_interval": 2,
    },
    "qwen2": {**SHAPE, "model_type": "qwen2", "rope_theta": 1e6},
    "qwen3": {**SHAPE, "model_type": "qwen3", "rope_theta": 1e6},
    "phi3": {
        **SHAPE,
        "model_type": "phi3",
        "tie_word_embeddings": False,
        "head_dim": 8,
        "partial_rotary_factor": 0.75,
        "original_max_position_embeddings": 32,
        "rope_scaling": {
            "type": "longrope",
            "long_factor": [1.0, 1.5, 3.0],
            "short_factor": [1.0, 1.0, 1.0],
        },
    },
    "gemma3": {
        **SHAPE,
        "model_type": "gemma3_text",
        "num_hidden_layers": 4,
        "sliding_window": 6,
        "sliding_window_pattern": 3,
        "rope_theta": 1e6,
        "rope_local_base_freq": 1e4,
        "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        "query_pre_attn_scalar": 12,
        "hidden_activation": "gelu_pytorch_tanh",
    },
}
MOE: dict[str, Any] = {
    **SHAPE,
    "model_type": "qwen3_moe",
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [1],
    "norm_topk_prob": True,
    "num_hidden_layers": 3,
}
CASES["qwen3_moe"] = MOE
CASES["qwen3_moe_packed"] = {
    **MOE,
    "hidden_size": 64,
    "moe_intermediate_size": 32,
    "num_hidden_layers": 2,
    "mlp_only_layers": [],
    "norm_topk_prob": False,
    "quantization": {
        "group_size": 32,
        "bits": 4,
        "model.layers.0.mlp.gate": {"group_size": 32, "bits": 8},
        "model.layers.1.mlp.gate": {"group_size": 32, "bits": 8},
    },
}
GPT_OSS: dict[str, Any] = {
    **SHAPE,
    "model_type": "gpt_oss",
    "num_hidden_layers": 2,
    "num_local_experts": 5,
    "num_experts_per_tok": 2,
    "sliding_window": 7,
    "layer_types": ["sliding_attention", "full_attention"],
    "tie_word_embeddings": False,
    "rope_theta": 150000,
    "rope_scaling": {
        "rope_type": "yarn",
        "factor": 4.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "original_max_position_embeddings": 64,
        "truncate": False,
    },
}
CASES["gpt_oss"] = GPT_OSS
# As published for MLX: experts in mxfp4, everything else affine.
AFFINE: dict[str, Any] = {"group_size": 32, "bits": 4, "mode": "affine"}
CASES["gpt_oss_mxfp4"] = {
    **GPT_OSS,
    "hidden_size": 64,
    "intermediate_size": 32,
    "quantization": {
        "group_size": 32,
        "bits": 4,
        "mode": "mxfp4",
        "model.embed_tokens": AFFINE,
        "lm_head": AFFINE,
        **{
            f"model.layers.{layer}.{name}": AFFINE
            for layer in range(2)
            for name in (
                "self_attn.q_proj",
                "self_attn.k_proj",
                "self_attn.v_proj",
                "self_attn.o_proj",
                "mlp.router",
            )
        },
    },
}
# Of families whose `rope_parameters` say everything.
WITHOUT_THETA: dict[str, Any] = {key: SHAPE[key] for key in SHAPE if key != "rope_theta"}
GEMMA4: dict[str, Any] = {
    **WITHOUT_THETA,
    "model_type": "gemma4_text",
    "num_hidden_layers": 6,
    "global_head_dim": 16,
    "sliding_window": 6,
    "sliding_window_pattern": 3,
    "num_kv_shared_layers": 2,
    "use_double_wide_mlp": True,
    "hidden_size_per_layer_input": 12,
    "vocab_size_per_layer_input": 64,
    "final_logit_softcapping": 5.0,
    "hidden_activation": "gelu_pytorch_tanh",
    "rope_parameters": {
        "full_attention": {
            "partial_rotary_factor": 0.5,
            "rope_theta": 1000000.0,
            "rope_type": "proportional",
        },
        "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
    },
}
CASES["gemma4"] = GEMMA4
# As the largest ones: experts, and layers that use their keys as values.
CASES["gemma4_moe"] = {
    **GEMMA4,
    "num_hidden_layers": 4,
    "sliding_window_pattern": 2,
    "num_kv_shared_layers": 0,
    "attention_k_eq_v": True,
    "num_global_key_value_heads": 1,
    "hidden_size_per_layer_input": 0,
    "enable_moe_block": True,
    "num_experts": 5,
    "top_k_experts": 2,
    "moe_intermediate_size": 16,
}
# A prompt longer than a chunk of the gated delta rule is in tests/unit/nn/gated_delta_test.cpp.
CASES["qwen3_5"] = {
    **WITHOUT_THETA,
    "model_type": "qwen3_5_text",
    "num_hidden_layers": 4,
    "full_attention_interval": 3,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 12,
    "linear_conv_kernel_dim": 4,
    "tie_word_embeddings": False,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 100000.0,
        "partial_rotary_factor": 0.5,
    },
}
