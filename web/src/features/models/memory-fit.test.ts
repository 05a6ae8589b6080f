import { describe, expect, it } from "vitest";
import { fitWords, memoryFit } from "./memory-fit";

const line = (owner: string, bytes: number) => ({
  owner,
  estimated_bytes: bytes,
  reserved_bytes: bytes,
  measured_bytes: bytes,
  peak_bytes: bytes,
});

const memory = (free: number, lines: ReturnType<typeof line>[] = []) => ({
  machine_bytes: 200,
  available_bytes: 100,
  budget_bytes: 100,
  reserved_bytes: lines.reduce((sum, { reserved_bytes }) => sum + reserved_bytes, 0),
  promised_bytes: 0,
  free_bytes: free,
  lines,
});

const engine = (model: string, idle_seconds: number, more = {}) => ({
  model,
  idle_seconds,
  requests: 0,
  pinned: false,
  ...more,
});

describe("memoryFit", () => {
  it("fits in what is free, to the byte", () => {
    expect(memoryFit(60, memory(60), [])).toEqual({ kind: "now" });
  });

  it("never fits above the budget, however much is free", () => {
    expect(memoryFit(101, memory(100), [])).toEqual({ kind: "never" });
  });

  it("names the engine that is idle longest first, and no more than needed", () => {
    const lines = [line("engine fresh", 30), line("engine old", 30)];
    const engines = [engine("fresh", 1), engine("old", 500)];
    expect(memoryFit(60, memory(40, lines), engines)).toEqual({
      kind: "after_unloading",
      models: ["old"],
    });
    expect(memoryFit(90, memory(40, lines), engines)).toEqual({
      kind: "after_unloading",
      models: ["old", "fresh"],
    });
  });

  it("names engines in use, then pinned ones, last", () => {
    const lines = ["pinned", "busy", "idle"].map((name) => line(`engine ${name}`, 20));
    const engines = [
      engine("pinned", 900, { pinned: true }),
      engine("busy", 0, { requests: 2 }),
      engine("idle", 5),
    ];
    expect(memoryFit(100, memory(40, lines), engines)).toEqual({
      kind: "after_unloading",
      models: ["idle", "busy", "pinned"],
    });
  });

  it("tells two versions of one model apart by their lines", () => {
    const lines = [line("engine twin", 30), line("engine twin", 30)];
    expect(memoryFit(95, memory(40, lines), [engine("twin", 9), engine("twin", 8)])).toEqual({
      kind: "after_unloading",
      models: ["twin", "twin"],
    });
  });

  it("waits for a job when engines do not make enough room", () => {
    expect(memoryFit(80, memory(10, [line("job 0190", 90)]), [])).toEqual({ kind: "after_jobs" });
  });

  it("blames the machine when the hub holds nothing", () => {
    expect(memoryFit(80, memory(10), [])).toEqual({ kind: "machine_full" });
  });
});

it("says it in words", () => {
  expect(fitWords({ kind: "after_unloading", models: ["a"] })).toBe("Fits when a is unloaded");
  expect(fitWords({ kind: "after_unloading", models: ["a", "b"] })).toBe(
    "Fits when a and b are unloaded",
  );
});
