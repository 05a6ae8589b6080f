import { describe, expect, it } from "vitest";
import { systemHints } from "./hints";
import type { System } from "./use-system";

const GiB = 1024 ** 3;

const well: System = {
  version: "0.1.0",
  time: "2026-01-01T00:00:00Z",
  machine: {},
  memory: {
    machine_bytes: 16 * GiB,
    available_bytes: 10 * GiB,
    budget_bytes: 10 * GiB,
    reserved_bytes: 2 * GiB,
    promised_bytes: 0,
    free_bytes: 8 * GiB,
    lines: [],
  },
  temperature: { celsius: 50, sensor: "cpu", limit_celsius: 90, resting: false },
  engines: [],
  jobs: {},
  events: { last_seq: 0 },
  traces: null,
  mlflow: null,
  capabilities: {},
};

const keys = (change: Partial<System>): string[] =>
  systemHints({ ...well, ...change }).map((hint) => hint.key);

const mlflow = {
  uri: "http://localhost:5000",
  state: "connected" as const,
  verified: true,
  version: "3.17",
  error: null,
  waiting: 0,
  refused: 0,
  oldest: null,
  last_sent_at: null,
};

describe("systemHints", () => {
  it("has nothing to say of a hub that is well", () => {
    expect(systemHints(well)).toEqual([]);
    expect(keys({ mlflow })).toEqual([]);
  });

  it("tells of memory that is short, and who could give some", () => {
    const tight = { ...well.memory, free_bytes: 0.1 * GiB };
    const [hint] = systemHints({ ...well, memory: tight });
    expect(hint?.key).toBe("tight");
    expect(hint?.advice).toContain("Other programs");
    const full = { ...tight, reserved_bytes: 9.9 * GiB };
    expect(systemHints({ ...well, memory: full })[0]?.advice).toContain("Unload an engine");
  });

  it("tells of workers that took more than was estimated", () => {
    const line = { owner: "job 1", estimated_bytes: GiB, peak_bytes: 2 * GiB };
    expect(keys({ memory: { ...well.memory, lines: [line] } })).toEqual(["estimate job 1"]);
    const little = { ...line, peak_bytes: 1.01 * GiB };
    expect(keys({ memory: { ...well.memory, lines: [little] } })).toEqual([]);
  });

  it("tells of heat before and when jobs rest; without a limit never", () => {
    const { temperature } = well;
    expect(keys({ temperature: { ...temperature, celsius: 87 } })).toEqual(["warm"]);
    expect(keys({ temperature: { ...temperature, celsius: 92, resting: true } })).toEqual([
      "resting",
    ]);
    expect(keys({ temperature: { ...temperature, celsius: 87, limit_celsius: 0 } })).toEqual([]);
  });

  it("puts what is bad first", () => {
    const traces = {
      endpoint: "x",
      exported_spans: 0,
      waiting_spans: 0,
      dropped_spans: 1,
      failed_spans: 0,
      last_error: null,
    };
    const away = { ...mlflow, state: "unreachable" as const, refused: 2 };
    expect(keys({ traces, mlflow: away })).toEqual([
      "mlflow-unreachable",
      "mlflow-refused",
      "spans",
    ]);
  });
});
