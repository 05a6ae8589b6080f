import { expect, it } from "vitest";
import { currentVersion, quantizationWords } from "./current-version";

type Model = Parameters<typeof currentVersion>[0];

const model = (states: string[], aliases: Record<string, number> = {}) =>
  ({
    aliases,
    versions: states.map((state, index) => ({ version: index + 1, state })),
  }) as unknown as Model;

it("takes production, else the newest ready version, else the newest", () => {
  expect(currentVersion(model(["ready", "ready"], { production: 1 }))?.version).toBe(1);
  expect(currentVersion(model(["ready", "ready", "pending"]))?.version).toBe(2);
  expect(currentVersion(model(["pending"]))?.version).toBe(1);
  expect(currentVersion(model([]))).toBeNull();
});

it("names a packing by its bits or its mode", () => {
  expect(quantizationWords({ bits: 4, group_size: 64, mode: "affine" })).toBe("4 bit");
  expect(quantizationWords({ bits: 4, group_size: 32, mode: "mxfp4" })).toBe("mxfp4");
  expect(quantizationWords(null)).toBeNull();
});
