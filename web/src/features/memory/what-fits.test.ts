import { describe, expect, it } from "vitest";
import { whatFits } from "./what-fits";

const model = (name: string, bytes: number | null, more: object = {}) => ({
  id: name,
  name,
  kind: "base" as const,
  state: "ready" as const,
  memory_required_bytes: bytes,
  versions: [
    {
      id: `${name}-v1`,
      version: 1,
      kind: "base" as const,
      state: "ready" as const,
      digest: null,
      created_at: "2026-01-01T00:00:00Z",
    },
  ],
  ...more,
});

describe("whatFits", () => {
  it("lists what fits, the largest first, and counts what does not", () => {
    const models = [model("small", 10), model("large", 90), model("huge", 200)];
    const { fit, tooLarge } = whatFits(models, 100, new Set());
    expect(fit.map((one) => one.name)).toEqual(["large", "small"]);
    expect(tooLarge).toBe(1);
  });

  it("leaves out what is loaded, not ready, of unknown need, or an adapter", () => {
    const models = [
      model("loaded", 10),
      model("pending", 10, { state: "pending" }),
      model("unknown", null),
      model("adapter", 10, { kind: "adapter" }),
    ];
    expect(whatFits(models, 100, new Set(["loaded-v1"]))).toEqual({ fit: [], tooLarge: 0 });
  });
});
