import { describe, expect, it } from "vitest";
import { lossPoints } from "./loss-points";

describe("lossPoints", () => {
  it("makes two lines of reports that have one loss or the other", () => {
    const reports = [
      { step: 1, train_loss: 3, eval_loss: null },
      { step: 1, train_loss: null, eval_loss: 4 },
      { step: 2, train_loss: 2.5 },
    ];
    expect(lossPoints(reports)).toEqual({
      train: { x: [1, 2], y: [3, 2.5] },
      evaluated: { x: [1], y: [4] },
    });
  });

  it("sorts by step and keeps the later figure of a step", () => {
    const reports = [
      { step: 3, train_loss: 1 },
      { step: 2, train_loss: 9 },
      { step: 2, train_loss: 2 },
      { step: null, train_loss: 5 },
    ];
    expect(lossPoints(reports).train).toEqual({ x: [2, 3], y: [2, 1] });
  });
});
