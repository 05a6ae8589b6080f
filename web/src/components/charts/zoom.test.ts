import { describe, expect, it } from "vitest";
import { moved, zoomed } from "./zoom";

const whole = { min: 0, max: 1000 };

describe("zoomed", () => {
  it("keeps the place under the cursor", () => {
    expect(zoomed({ min: 100, max: 300 }, whole, 0.5, 0.25)).toEqual({ min: 125, max: 225 });
  });

  it("ends at the whole and at two steps", () => {
    expect(zoomed({ min: 100, max: 900 }, whole, 100, 0.5)).toEqual(whole);
    const closest = zoomed({ min: 100, max: 104 }, whole, 0.01, 0.5);
    expect(closest.max - closest.min).toBe(2);
  });
});

describe("moved", () => {
  it("stays within the whole", () => {
    expect(moved({ min: 100, max: 300 }, whole, 0.5)).toEqual({ min: 200, max: 400 });
    expect(moved({ min: 100, max: 300 }, whole, -9)).toEqual({ min: 0, max: 200 });
    expect(moved({ min: 100, max: 300 }, whole, 9)).toEqual({ min: 800, max: 1000 });
    expect(moved(whole, whole, 1)).toEqual(whole);
  });
});
