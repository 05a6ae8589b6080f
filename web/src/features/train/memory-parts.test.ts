import { describe, expect, it } from "vitest";
import { memoryParts } from "./memory-parts";

const memory = {
  weights: 70,
  trained: 2,
  optimizer: 4,
  accumulated: 0,
  activations: 20,
  working: 10,
  ahead: 0,
  gradients: 2,
  updated: 6,
  array_bytes: 106,
  process_bytes: 150,
};

const bytes = (parts: { id: string; bytes: number }[]): Record<string, number> =>
  Object.fromEntries(parts.map((part) => [part.id, part.bytes]));

describe("the parts of a job's memory", () => {
  it("are those of the phase that holds more, and the process, and add up", () => {
    const parts = memoryParts(memory, 150);
    expect(bytes(parts)).toEqual({
      weights: 70,
      trained: 2,
      optimizer: 4,
      activations: 20,
      working: 10,
      process: 44,
    });
    expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(150);
  });

  it("are the update's where gradients are larger than activations", () => {
    const full = { ...memory, gradients: 70, updated: 70, array_bytes: 216, process_bytes: 260 };
    expect(Object.keys(bytes(memoryParts(full, 260)))).toEqual([
      "weights",
      "trained",
      "optimizer",
      "gradients",
      "updated",
      "process",
    ]);
  });

  it("count every process", () => {
    expect(bytes(memoryParts(memory, 300)).weights).toBe(140);
  });
});
