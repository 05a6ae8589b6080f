import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { emptyDraft, type Draft } from "../draft";
import {
  draftOfText,
  isProblem,
  notInLoraConfig,
  textOfDraft,
  type TextProblem,
} from "./config-text";

const draft: Draft = {
  ...emptyDraft,
  model: "smollm2",
  dataset: "trivia",
  output: "trivia-lora",
  entries: { rank: "16", learning_rate: "5e-5", warmup_steps: "10", packing: true },
};
const computed = { batchSize: 4, accumulation: 2, steps: 100 };

function read(dialect: "mlx-lm" | "hub", text: string, base = draft): Draft {
  const result = draftOfText(dialect, text, base);
  if (isProblem(result)) throw new Error(`${result.line}: ${result.message}`);
  return result;
}

function problem(dialect: "mlx-lm" | "hub", text: string): TextProblem {
  const result = draftOfText(dialect, text, draft);
  if (!isProblem(result)) throw new Error("the text was taken");
  return result;
}

describe("mlx-lm's configuration", () => {
  it("says what the draft says, with what the hub computed", () => {
    const text = textOfDraft("mlx-lm", draft, computed);
    expect(parse(text)).toEqual({
      model: "smollm2",
      train: true,
      data: "trivia",
      adapter_path: "trivia-lora",
      fine_tune_type: "lora",
      optimizer: "adamw",
      seed: 0,
      num_layers: -1,
      batch_size: 4,
      grad_accumulation_steps: 2,
      iters: 200,
      val_batches: -1,
      learning_rate: 5e-5,
      lr_schedule: {
        name: "cosine_decay",
        arguments: [5e-5, 89, 0],
        warmup: 10,
        warmup_init: 0,
      },
      steps_per_report: 2,
      steps_per_eval: 100,
      save_every: 100,
      max_seq_length: 2048,
      grad_checkpoint: false,
      mask_prompt: true,
      lora_parameters: { rank: 16, dropout: 0, scale: 20 },
    });
    expect(notInLoraConfig(draft, computed)).toEqual(["packing"]);
  });

  it("comes back with the same settings, and keeps those it has no place for", () => {
    const again = read("mlx-lm", textOfDraft("mlx-lm", draft, computed));
    expect(again.output).toBe("trivia-lora");
    expect(again.entries).toEqual({
      rank: "16",
      learning_rate: "0.00005",
      warmup_steps: "10",
      lr_decay_steps: "89",
      batch_size: "4",
      grad_accumulation_steps: "2",
      epochs: "100000",
      max_steps: "100",
      packing: true,
    });
  });

  it("has mlx-lm's defaults for what is left out, and counts batches", () => {
    const { entries, model } = read(
      "mlx-lm",
      "model: llama\niters: 60\ngrad_accumulation_steps: 3\n",
    );
    expect(model).toBe("llama");
    expect(entries).toMatchObject({
      optimizer: "adam",
      learning_rate: "0.00001",
      lr_schedule: "constant",
      num_layers: "16",
      batch_size: "4",
      max_steps: "20",
      report_every: "3",
      eval_every: "66",
      save_every: "33",
      train_on_prompt: true,
    });
  });

  it("reads preferences, the optimizer's own settings and keys", () => {
    const { entries } = read(
      "mlx-lm",
      `train_mode: dpo
beta: 0.2
optimizer: adamw
optimizer_config: {adamw: {betas: [0.9, 0.95], weight_decay: 0.1}}
lora_parameters: {rank: 4, dropout: 0.1, scale: 10, keys: [self_attn.q_proj, self_attn.v_proj]}
val_batches: 0
`,
    );
    expect(entries).toMatchObject({
      objective: "dpo",
      beta: "0.2",
      "optimizer_config.betas": "0.9, 0.95",
      weight_decay: "0.1",
      rank: "4",
      target_modules: "self_attn.q_proj, self_attn.v_proj",
      eval_every: "0",
    });
    expect(entries.train_on_prompt).toBeUndefined();
  });

  it("is refused with the line", () => {
    expect(problem("mlx-lm", "model: a\nlora_rank: 4\n")).toEqual({
      line: 2,
      message: "'lora_rank': mlx-lm has no such setting (it would pass over it in silence)",
    });
    expect(
      problem("mlx-lm", "model: a\nlora_parameters:\n  rank: x\n  dropout: 0\n  scale: 1\n"),
    ).toEqual({ line: 3, message: "'lora_parameters.rank': must be a number" });
    expect(
      problem("mlx-lm", "lr_schedule:\n  name: cosine_decay\n  arguments: [1e-5]\n").line,
    ).toBe(3);
    expect(problem("mlx-lm", "model: [a\ndata: b\n").line).toBeGreaterThan(0);
    expect(problem("mlx-lm", "model: a\nmodel: b\n").line).toBe(2);
    expect(problem("mlx-lm", "- a\n")).toMatchObject({ line: null });
    expect(problem("mlx-lm", "model: a\ntrain: false\n").line).toBe(2);
  });
});

describe("the hub's own form", () => {
  it("goes there and back", () => {
    const full = { ...draft, alias: "staging", priority: "3", timeout: "600" };
    expect(read("hub", textOfDraft("hub", full, null), emptyDraft)).toEqual({
      ...full,
      entries: { ...full.entries, learning_rate: "0.00005" },
    });
  });

  it("takes a job's parameters as they are shown", () => {
    const text =
      "model: a\ndataset: b\nparams: {beta: 0.1, alpha: 32, scale: 2, rank: 16, loss_type: sigmoid}\n";
    expect(read("hub", text).entries).toEqual({ rank: "16", alpha: "32" });
  });

  it("is refused with the line", () => {
    expect(problem("hub", "model: a\nparams:\n  rank: 0\n")).toEqual({
      line: 3,
      message: "'params.rank': A whole number: 1 to 512",
    });
    expect(problem("hub", "params:\n  ranks: 4\n")).toMatchObject({ line: 2 });
    expect(problem("hub", "params:\n  beta: 3\n").message).toMatch(/means nothing/);
    expect(problem("hub", "params:\n  method: qlora\n").message).toMatch(/lora, dora, full/);
    expect(problem("hub", "params:\n  rank: true\n")).toMatchObject({ line: 2 });
    expect(problem("hub", "params:\n  optimizer_config:\n    beta: 1\n")).toMatchObject({
      line: 3,
    });
    expect(problem("hub", "model: a\nwhat: 3\n")).toMatchObject({ line: 2 });
  });
});
