import { expect, it } from "vitest";
import { readAdapterConfig, targetWords } from "./adapter-config";

it("reads what mlx-lm and the hub write", () => {
  const config = readAdapterConfig(
    JSON.stringify({
      fine_tune_type: "dora",
      num_layers: 16,
      lora_parameters: {
        rank: 8,
        scale: 20,
        dropout: 0,
        keys: ["self_attn.q_proj", "self_attn.v_proj", "model.layers.0.self_attn.q_proj"],
      },
    }),
  );
  expect(config).toMatchObject({ method: "dora", rank: 8, scale: 20, dropout: 0, layers: 16 });
  expect(config && targetWords(config)).toBe("q_proj, v_proj");
});

it("knows what is left out", () => {
  const config = readAdapterConfig('{"num_layers": -1, "lora_parameters": {"rank": 4}}');
  expect(config).toEqual({
    method: "lora",
    rank: 4,
    scale: null,
    dropout: null,
    layers: null,
    targets: null,
  });
  expect(config && targetWords(config)).toBe("every linear layer");
});

it("reads full fine-tuning, which has no rank", () => {
  const config = readAdapterConfig('{"fine_tune_type": "full", "lora_parameters": null}');
  expect(config?.rank).toBeNull();
  expect(config && targetWords(config)).toBe("all weights");
});

it("answers null for anything else", () => {
  expect(readAdapterConfig("[]")).toBeNull();
  expect(readAdapterConfig("no JSON")).toBeNull();
});
