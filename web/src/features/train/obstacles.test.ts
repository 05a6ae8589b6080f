import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { emptyDraft } from "./draft";
import { obstacles } from "./obstacles";

const packed = { name: "llama", quantization: { bits: 4 } } as Schemas["Model"];
const draft = { ...emptyDraft, model: "llama:2", entries: { method: "full" } };

describe("obstacles", () => {
  it("are packed weights in the way of full fine-tuning", () => {
    expect(obstacles(draft, [packed], {}).method).toMatch(/4 bits/);
    expect(obstacles({ ...draft, entries: {} }, [packed], {})).toEqual({});
    expect(obstacles(draft, [{ ...packed, quantization: null }], {})).toEqual({});
  });

  it("are methods that the hub has not", () => {
    expect(obstacles(draft, [], { finetune_methods: ["lora"] }).method).toMatch(/by full/);
    expect(obstacles(draft, [], { finetune_methods: ["lora", "full"] })).toEqual({});
  });

  it("are names that another kind of model has, or none may have", () => {
    const base = { name: "llama", kind: "base" } as Schemas["Model"];
    const mine = { name: "mine", kind: "adapter" } as Schemas["Model"];
    const of = (output: string): string | undefined =>
      obstacles({ ...emptyDraft, output }, [base, mine], {})["output.name"];
    expect(of("")).toBeUndefined();
    expect(of("mine")).toBeUndefined();
    expect(of("new-one")).toBeUndefined();
    expect(of("llama")).toMatch(/holds no adapters/);
    expect(of("a b")).toMatch(/Letters/);
  });
});
