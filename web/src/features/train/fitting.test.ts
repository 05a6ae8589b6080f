import { describe, expect, it } from "vitest";
import { changesThatSave } from "./fitting";
import type { Params } from "./settings/setting";

const params = (part: Partial<Params>): Params =>
  ({
    method: "lora",
    batch_size: "auto",
    grad_accumulation_steps: 1,
    grad_checkpoint: false,
    max_seq_length: 512,
    ...part,
  }) as Params;

describe("changes that save memory", () => {
  it("keep the update as long as they can", () => {
    const changes = changesThatSave(params({ batch_size: 4, grad_accumulation_steps: 2 }), 4);
    expect(changes.map(({ entries }) => entries)).toEqual([
      { batch_size: "2", grad_accumulation_steps: "4" },
      { batch_size: "1", grad_accumulation_steps: "8" },
      { grad_checkpoint: true },
      { batch_size: "1", grad_accumulation_steps: "8", grad_checkpoint: true },
      ...["256", "128", "64"].map((max_seq_length) => ({
        batch_size: "1",
        grad_accumulation_steps: "8",
        grad_checkpoint: true,
        max_seq_length,
      })),
    ]);
  });

  it("leave an automatic batch to the hub, which has made it as small as can be", () => {
    const changes = changesThatSave(params({ max_seq_length: 100 }), 1);
    expect(changes.map(({ entries }) => entries)).toEqual([
      { grad_checkpoint: true },
      { grad_checkpoint: true, max_seq_length: "64" },
    ]);
  });

  it("take factors instead of weights before rows are cut", () => {
    const [first] = changesThatSave(params({ method: "full", grad_checkpoint: true }), 1);
    expect(first?.entries).toEqual({ method: "lora", grad_checkpoint: true });
  });
});
