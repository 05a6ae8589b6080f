import { expect, it } from "vitest";
import { choices, modes, paramsOf, resultName, withMode, type Packing } from "./packing";

const usual: Packing = { mode: "affine", bits: 4, groupSize: 64, recipe: null };

it("gives each mode only what it has", () => {
  for (const mode of modes) {
    const packing = withMode({ ...usual, bits: 6, recipe: "mixed_2_6" }, mode);
    expect(choices[mode].bits).toContain(packing.bits);
    expect(choices[mode].groupSizes).toContain(packing.groupSize);
    if (mode !== "affine") expect(packing.recipe).toBeNull();
  }
  expect(withMode(usual, "nvfp4")).toEqual({ mode: "nvfp4", bits: 4, groupSize: 16, recipe: null });
  expect(withMode(withMode(usual, "mxfp8"), "affine")).toEqual(usual);
});

it("names the result as the hub does", () => {
  expect(resultName("facts", usual)).toBe("facts-4bit");
  expect(resultName("facts", withMode(usual, "mxfp4"))).toBe("facts-mxfp4");
  expect(resultName("facts", { ...usual, recipe: "mixed_3_6" })).toBe("facts-mixed_3_6");
  expect(resultName("x".repeat(100), usual)).toHaveLength(100);
});

it("leaves the bits to the recipe", () => {
  expect(paramsOf({ ...usual, recipe: "mixed_2_6" }, null, true)).toEqual({
    mode: "affine",
    group_size: 64,
    recipe: "mixed_2_6",
    dtype: null,
    check: true,
  });
  expect(paramsOf(usual, "float16", false).bits).toBe(4);
});
