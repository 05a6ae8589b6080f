import { describe, expect, it } from "vitest";
import { filtered, valuesOf, whyNotComparable } from "./comparable";
import type { Evaluation } from "./metrics";

type Part = Partial<Omit<Evaluation, "params"> & { params: Record<string, unknown> }>;

// The contract says of params only that they are an object, which the generated type takes for an empty one.
const evaluation = (part: Part): Evaluation =>
  ({
    id: "1",
    job_id: "j",
    state: "COMPLETED",
    reason: null,
    model: "base",
    model_version: null,
    dataset: { id: "d", name: "trivia", digest: "abc" },
    params: { task: "loss", max_rows: null, batch_size: 4 },
    metrics: { loss: 1 },
    created_at: "",
    ended_at: "2026-11-29T00:00:00Z",
    ...part,
  }) as Evaluation;

describe("evaluations side by side", () => {
  const first = evaluation({});

  it("must have measured the same rows in the same way", () => {
    const other = evaluation({ id: "2", params: { batch_size: 1, max_rows: null, task: "loss" } });
    expect(whyNotComparable(first, other)).toBeNull();
    const dataset = { id: "e", name: "trivia", digest: "def" };
    expect(whyNotComparable(first, evaluation({ id: "2", dataset }))).toMatch(/other rows/);
    expect(
      whyNotComparable(first, evaluation({ id: "2", params: { task: "loss", max_rows: 5 } })),
    ).toMatch(/other settings/);
    expect(whyNotComparable(first, evaluation({ id: "2", metrics: {}, ended_at: null }))).toMatch(
      /no figures/,
    );
  });

  it("are found by model, data set and task", () => {
    const all = [
      first,
      evaluation({ id: "2", model: "adapter", params: { task: "exact_match" } }),
      evaluation({ id: "3", dataset: { id: "x", name: "other", digest: null } }),
    ];
    const ids = (filter: Parameters<typeof filtered>[1]): string[] =>
      filtered(all, filter).map(({ id }) => id);
    expect(ids({ model: "", dataset: "", task: "" })).toEqual(["1", "2", "3"]);
    expect(ids({ model: "base", dataset: "trivia", task: "" })).toEqual(["1"]);
    expect(ids({ model: "", dataset: "", task: "exact_match" })).toEqual(["2"]);
    expect(valuesOf(all, (one) => one.dataset?.name)).toEqual(["other", "trivia"]);
  });
});
