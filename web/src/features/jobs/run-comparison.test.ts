import { describe, expect, it } from "vitest";
import type { Job } from "./job";
import { finalFigures, paramDifferences } from "./run-comparison";

const job = (fields: Record<string, unknown>): Job =>
  ({
    model: "base",
    model_version: { id: "v", model: "base", version: 1 },
    dataset: { id: "d", name: "rows", digest: "d0" },
    params: {},
    metrics: {},
    details: {},
    progress: { step: 0, total: null, percent: 0, eta_seconds: null },
    memory: { estimated_bytes: null, peak_bytes: null },
    started_at: null,
    ended_at: null,
    ...fields,
  }) as unknown as Job;

describe("paramDifferences", () => {
  const jobs = [
    job({ params: { rank: 8, seed: 0, betas: [0.9, 0.99] } }),
    job({ params: { rank: 16, seed: 0, betas: [0.9, 0.99], packing: true } }),
  ];

  it("lists what differs, also what one of them does not have", () => {
    expect(paramDifferences(jobs, false)).toEqual([
      { name: "packing", values: [null, true] },
      { name: "rank", values: [8, 16] },
    ]);
  });

  it("lists everything when asked to", () => {
    expect(paramDifferences(jobs, true).map(({ name }) => name)).toEqual([
      "betas",
      "dataset",
      "model",
      "packing",
      "rank",
      "seed",
    ]);
  });

  it("counts another version or data set as a difference", () => {
    const other = job({ dataset: { id: "e", name: "more rows", digest: "d1" } });
    expect(paramDifferences([job({}), other], false)).toEqual([
      { name: "dataset", values: ["rows", "more rows"] },
    ]);
  });
});

describe("finalFigures", () => {
  it("marks the best where there is one", () => {
    const figures = finalFigures([
      job({ details: { eval_loss_after: 2, train_loss: 1, steps: 10 } }),
      job({ metrics: { eval_loss: 1.5, train_loss: 1 }, progress: { step: 7 } }),
    ]);
    const of = (name: string) => figures.find((figure) => figure.name === name);
    expect(of("Validation loss")).toMatchObject({ values: [2, 1.5], best: 1 });
    expect(of("Training loss")).toMatchObject({ values: [1, 1], best: null });
    expect(of("Steps")).toMatchObject({ values: [10, 7], best: null });
    expect(of("Peak memory")).toBeUndefined();
  });

  it("calls nothing the best that differs by less than it can be measured", () => {
    const peaks = (...bytes: number[]) =>
      finalFigures(
        bytes.map((peak) => job({ memory: { estimated_bytes: null, peak_bytes: peak } })),
      ).find(({ name }) => name === "Peak memory")?.best;
    expect(peaks(1000, 1005)).toBeNull();
    expect(peaks(1000, 1100)).toBe(0);
  });
});
