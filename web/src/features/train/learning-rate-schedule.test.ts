import { describe, expect, it } from "vitest";
import { learningRateAt, learningRateCurve, type Schedule } from "./learning-rate-schedule";

const cosine: Schedule = {
  kind: "cosine",
  peak: 1,
  end: 0,
  decayRate: null,
  decaySteps: null,
  warmupSteps: 0,
  warmupInit: 0,
};

describe("the learning rate", () => {
  it("falls along half a cosine to its end", () => {
    expect(learningRateAt(cosine, 100, 0)).toBe(1);
    expect(learningRateAt(cosine, 100, 50)).toBeCloseTo(0.5);
    expect(learningRateAt(cosine, 100, 100)).toBeCloseTo(0);
    expect(learningRateAt({ ...cosine, end: 0.2, decaySteps: 10 }, 100, 60)).toBeCloseTo(0.2);
  });

  it("rises in a warm-up, whose last step has the peak, and begins the course behind it", () => {
    const warm = { ...cosine, warmupSteps: 4, warmupInit: 0.2 };
    expect([0, 1, 2, 3, 4].map((step) => learningRateAt(warm, 105, step))).toEqual(
      [0.2, 0.4, 0.6, 0.8, 1].map((rate) => expect.closeTo(rate) as number),
    );
    expect(learningRateAt(warm, 105, 5)).toBe(1);
    expect(learningRateAt(warm, 105, 55)).toBeCloseTo(0.5);
  });

  it("knows the other courses", () => {
    expect(learningRateAt({ ...cosine, kind: "constant" }, 10, 9)).toBe(1);
    expect(learningRateAt({ ...cosine, kind: "linear" }, 10, 4)).toBeCloseTo(0.6);
    const exponential = { ...cosine, kind: "exponential_decay", decayRate: 0.5 };
    expect(learningRateAt(exponential, 10, 3)).toBeCloseTo(0.125);
    const stairs = { ...cosine, kind: "step_decay", decayRate: 0.1, decaySteps: 5 };
    expect(learningRateAt(stairs, 20, 4)).toBe(1);
    expect(learningRateAt(stairs, 20, 5)).toBeCloseTo(0.1);
    expect(learningRateAt(stairs, 20, 14)).toBeCloseTo(0.01);
  });

  it("is drawn from the first step to the last", () => {
    expect(learningRateCurve(cosine, 1)).toEqual([{ step: 0, rate: 1 }]);
    const curve = learningRateCurve(cosine, 1000, 50);
    expect(curve).toHaveLength(50);
    expect(curve[0]?.step).toBe(0);
    expect(curve.at(-1)?.step).toBe(999);
  });
});
