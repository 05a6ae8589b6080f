import { describe, expect, it } from "vitest";
import { changedSettings, effectiveParams, entriesOf, paramsOf } from "./params";

describe("entries and parameters", () => {
  it("sends what was entered and nothing else", () => {
    expect(paramsOf({})).toEqual({ params: {}, problems: {} });
    expect(
      paramsOf({
        rank: "16",
        learning_rate: " 5e-5 ",
        epochs: "",
        grad_checkpoint: true,
        target_modules: "q_proj, v_proj\nlm_head",
        sample_prompts: ["Who?", ""],
        batch_size: "auto",
      }).params,
    ).toEqual({
      rank: 16,
      learning_rate: 5e-5,
      grad_checkpoint: true,
      target_modules: ["q_proj", "v_proj", "lm_head"],
      sample_prompts: ["Who?"],
      batch_size: "auto",
    });
  });

  it("names the field and its range", () => {
    const { problems } = paramsOf({
      rank: "0",
      epochs: "1.5",
      dropout: "1",
      learning_rate: "fast",
      num_layers: "0",
      "optimizer_config.betas": "0.9",
    });
    expect(problems).toEqual({
      rank: "A whole number: 1 to 512",
      epochs: "A whole number: 1 to 100,000",
      dropout: "A number: 0 to below 1",
      learning_rate: "A number: above 0, at most 10",
      num_layers: "A whole number: -1 to 4,096, not 0",
      "optimizer_config.betas": "Two numbers with a comma between, from 0 to below 1",
    });
  });

  it("leaves out what means nothing in the situation", () => {
    expect(paramsOf({ beta: "0.2", loss_type: "ipo" }).params).toEqual({});
    expect(paramsOf({ objective: "orpo", beta: "0.2", packing: true }).params).toEqual({
      objective: "orpo",
      beta: 0.2,
    });
    expect(paramsOf({ method: "full", rank: "4" }).params).toEqual({ method: "full" });
    expect(paramsOf({ scale: "4", alpha: "32" }).params).toEqual({ alpha: 32 });
    expect(paramsOf({ optimizer: "lion", "optimizer_config.eps": "1" }).params).toEqual({
      optimizer: "lion",
    });
  });

  it("gives an optimizer its own settings", () => {
    expect(
      paramsOf({ "optimizer_config.betas": "0.8, 0.99", "optimizer_config.bias_correction": true })
        .params,
    ).toEqual({ optimizer_config: { betas: [0.8, 0.99], bias_correction: true } });
  });

  it("comes back from a job's parameters, without the defaults", () => {
    const job = {
      method: "lora",
      rank: 16,
      scale: 2,
      alpha: 32,
      batch_size: "auto",
      learning_rate: 1e-4,
      lr_decay_steps: null,
      optimizer: "adamw",
      optimizer_config: { betas: [0.9, 0.95], eps: 1e-8, bias_correction: false },
      no_decay: [],
      target_modules: null,
      sample_prompts: ["Who?"],
      seed: 7,
    };
    const entries = entriesOf(job);
    expect(entries).toEqual({
      rank: "16",
      alpha: "32",
      "optimizer_config.betas": "0.9, 0.95",
      sample_prompts: ["Who?"],
      seed: "7",
    });
    expect(paramsOf(entries).params).toEqual({
      rank: 16,
      alpha: 32,
      optimizer_config: { betas: [0.9, 0.95] },
      sample_prompts: ["Who?"],
      seed: 7,
    });
  });

  it("knows what differs from the defaults, also from those of mlx-lm", () => {
    expect(changedSettings({ rank: "8", epochs: "", learning_rate: "1e-4" })).toEqual([]);
    expect(changedSettings({ rank: "9", beta: "3" })).toEqual(["rank"]);
    expect(changedSettings({ compat: true, learning_rate: "1e-5" })).toEqual(["compat"]);
  });

  it("fills in the defaults, also those of mlx-lm", () => {
    expect(effectiveParams({ rank: "16" })).toMatchObject({
      rank: 16,
      scale: 20,
      learning_rate: 1e-4,
      batch_size: "auto",
      optimizer_config: null,
      sample_prompts: [],
    });
    expect(effectiveParams({ compat: true })).toMatchObject({
      optimizer: "adam",
      learning_rate: 1e-5,
      lr_schedule: "constant",
    });
  });
});
