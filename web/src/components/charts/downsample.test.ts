import { describe, expect, it } from "vitest";
import { downsample, smooth } from "./downsample";

const ramp = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("downsample", () => {
  it("leaves few points as they are", () => {
    const points = { x: [1, 2, 3], y: [5, null, 7] };
    expect(downsample(points, 0, 10, 100)).toEqual(points);
  });

  it("keeps the spike, the ends and the order of 100,000 points", () => {
    const x = ramp(100_000);
    const y = x.map((value) => (value === 56_789 ? 1000 : Math.sin(value / 500)));
    const drawn = downsample({ x, y }, 0, 100_000, 400);
    expect(drawn.x.length).toBeLessThanOrEqual(802);
    expect(drawn.x[0]).toBe(0);
    expect(drawn.x.at(-1)).toBe(99_999);
    expect(drawn.y[drawn.x.indexOf(56_789)]).toBe(1000);
    expect([...drawn.x].sort((a, b) => a - b)).toEqual(drawn.x);
  });

  it("shows a part in full once it is small enough, with a neighbour on each side", () => {
    const x = ramp(100_000);
    expect(downsample({ x, y: x }, 500, 510, 400).x).toEqual([
      499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510,
    ]);
  });

  it("passes over columns without a value", () => {
    const x = ramp(1000);
    const y = x.map((value) => (value < 500 ? null : value));
    const drawn = downsample({ x, y }, 0, 1000, 10);
    expect(drawn.y.filter((value) => value == null)).toHaveLength(1);
  });
});

describe("smooth", () => {
  it("begins at the first value, not at zero", () => {
    for (const value of smooth([4, 4, 4], 0.9)) expect(value).toBeCloseTo(4, 9);
  });

  it("weighs as TensorBoard does", () => {
    // (0.5*0 + 0.5*1) / 0.5 = 1; (0.5*0.5 + 0.5*3) / 0.75
    expect(smooth([1, null, 3], 0.5)).toEqual([1, null, expect.closeTo(1.75 / 0.75, 9)]);
    expect(smooth([1, 2], 0)).toEqual([1, 2]);
  });
});
