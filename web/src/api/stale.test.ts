import { describe, expect, it, vi } from "vitest";
import { announceStale, liesBelow, onStale, pathOfKey } from "./stale";

describe("what is stale", () => {
  it("is a path and what lies below it", () => {
    expect(liesBelow("/jobs", ["/jobs"])).toBe(true);
    expect(liesBelow("/jobs/{id}", ["/system", "/jobs"])).toBe(true);
    expect(liesBelow("/jobsite", ["/jobs"])).toBe(false);
    expect(liesBelow("/jobs", ["/"])).toBe(true);
  });

  it("is found by the key of an answer", () => {
    expect(pathOfKey(["hub", "/jobs", {}])).toBe("/jobs");
    expect(pathOfKey("/jobs")).toBeNull();
    expect(pathOfKey(["mine", 3])).toBeNull();
  });

  it("is told to those who listen, until they no longer do", () => {
    const listener = vi.fn();
    const stop = onStale(listener);
    announceStale(["/jobs"]);
    stop();
    announceStale(["/models"]);
    expect(listener.mock.calls).toEqual([[["/jobs"]]]);
  });
});
