import { describe, expect, it, vi } from "vitest";
import { isBelowOneOf, onStale, pathOfKey, tellStale } from "./stale";

describe("what is stale", () => {
  it("is a path and what lies below it", () => {
    expect(isBelowOneOf("/jobs", ["/jobs"])).toBe(true);
    expect(isBelowOneOf("/jobs/{id}", ["/system", "/jobs"])).toBe(true);
    expect(isBelowOneOf("/jobsite", ["/jobs"])).toBe(false);
    expect(isBelowOneOf("/jobs", ["/"])).toBe(true);
  });

  it("is found by the key of an answer", () => {
    expect(pathOfKey(["hub", "/jobs", {}])).toBe("/jobs");
    expect(pathOfKey("/jobs")).toBeNull();
    expect(pathOfKey(["mine", 3])).toBeNull();
  });

  it("is told to those who watch it, until they no longer do", async () => {
    const refresh = vi.fn(() => Promise.resolve());
    const stop = onStale("/jobs", refresh);
    await tellStale(["/models"]);
    expect(refresh).not.toHaveBeenCalled();
    await tellStale(["/jobs"]);
    stop();
    await tellStale(["/jobs"]);
    expect(refresh).toHaveBeenCalledTimes(1);
  });
});
