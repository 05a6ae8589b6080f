import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { engineState, matching, modelOptions } from "./model-options";

const served = (id: string): Schemas["ServedModel"] => ({
  id,
  object: "model",
  created: 0,
  owned_by: "mlx-hub",
});

const time = "2026-01-01T00:00:00Z";
const model = (name: string, change: Partial<Schemas["Model"]>): Schemas["Model"] => ({
  id: name,
  name,
  base_model: name,
  description: "",
  kind: "base",
  state: "ready",
  size_bytes: 1,
  memory_required_bytes: null,
  architecture: null,
  quantization: null,
  context_length: null,
  chat_template: true,
  capabilities: { chat: true, completions: true, embeddings: true, finetune: true },
  tags: {},
  versions: [
    { id: `${name}-1`, version: 1, kind: "base", state: "ready", digest: null, created_at: time },
  ],
  aliases: {},
  mlflow: null,
  created_at: time,
  updated_at: time,
  ...change,
});

const version = (number: number, state: "ready" | "pending") =>
  ({
    id: `v${number}`,
    version: number,
    kind: "adapter",
    state,
    digest: null,
    created_at: time,
  }) as const;

const models = [
  model("llama", {}),
  model("trivia", {
    kind: "adapter",
    base_model: "llama",
    aliases: { production: 1 },
    versions: [version(1, "ready"), version(2, "ready"), version(3, "pending")],
  }),
];

describe("what can be asked", () => {
  const options = modelOptions([served("llama"), served("trivia"), served("far")], models);

  it("are the names first, then adapters on their bases, aliases and versions that are ready", () => {
    expect(options.map(({ value }) => value)).toEqual([
      "llama",
      "trivia",
      "far",
      "llama:1",
      "llama+trivia",
      "trivia@production",
      "trivia:2",
      "trivia:1",
    ]);
    expect(options[1]?.note).toBe("adapter on llama · version 1 in production");
    expect(options.at(-1)?.note).toBe("adapter · production");
  });

  it("are not those that make embeddings alone", () => {
    const capabilities = { chat: false, completions: false, embeddings: true, finetune: false };
    const encoder = model("encoder", { capabilities });
    expect(modelOptions([served("encoder"), served("llama")], [...models, encoder])).toEqual(
      modelOptions([served("llama")], models),
    );
  });

  it("are found by words of the value and the note", () => {
    expect(matching(options, "prod trivia").map(({ value }) => value)).toEqual([
      "trivia",
      "trivia@production",
      "trivia:1",
    ]);
    expect(matching(options, "")).toHaveLength(options.length);
  });
});

describe("an engine", () => {
  const engine = (name: string, state: string): Schemas["Engine"] => ({
    model: name,
    version_id: "",
    state,
    pid: 1,
    requests: 0,
    running: 0,
    waiting: 0,
    waiting_keys: 0,
    step_seconds: 0,
    slow: false,
    slow_steps: 0,
    refused: 0,
    kv_bits: 0,
    kv_window: 0,
    pinned: false,
    idle_seconds: 0,
    resident_bytes: 0,
    adapters: [],
    uptime_seconds: 0,
  });

  it("answers for its model's values and for adapters on it", () => {
    const engines = [engine("llama", "loading")];
    for (const value of ["llama", "llama:1", "llama+trivia:2", "trivia", "trivia@production"]) {
      expect(engineState(value, models, engines)).toBe("loading");
    }
    expect(engineState("far", models, engines)).toBe("absent");
    expect(engineState("llama", models, [])).toBe("absent");
  });
});
