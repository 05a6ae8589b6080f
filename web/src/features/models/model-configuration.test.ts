import { expect, it } from "vitest";
import { configurationFacts, parseRecord, readableFiles } from "./model-configuration";

it("says what config.json says, with the text part before the whole", () => {
  expect(
    configurationFacts({
      model_type: "gemma3",
      vocab_size: 10,
      text_config: { hidden_size: 2304, vocab_size: 262_144 },
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
      unknown: [1, 2],
    }),
  ).toEqual([
    ["Architecture", "gemma3"],
    ["Hidden size", "2,304"],
    ["Vocabulary", "262,144"],
    ["RMS norm epsilon", "1.00e-5"],
    ["Output head is the embedding", "yes"],
  ]);
});

it("reads objects only", () => {
  expect(parseRecord('{"a":1}')).toEqual({ a: 1 });
  expect(parseRecord("[1]")).toBeNull();
  expect(parseRecord("not JSON")).toBeNull();
});

it("offers the configuration first and leaves large files out", () => {
  const files = [
    { name: "tokenizer.json", size_bytes: 2_000_000 },
    { name: "generation_config.json", size_bytes: 100 },
    { name: "model.safetensors", size_bytes: 100 },
    { name: "config.json", size_bytes: 900 },
  ];
  expect(readableFiles(files)).toEqual(["config.json", "generation_config.json"]);
});
