import { describe, expect, it } from "vitest";
import { isThisKey, nameProblem } from "./key-words";

describe("keys", () => {
  it("have names as the hub takes them", () => {
    expect(nameProblem("ci-2.main_x")).toBeNull();
    for (const bad of ["", "-ci", "my key", "ä", "a".repeat(101)]) {
      expect(nameProblem(bad)).not.toBeNull();
    }
  });

  it("are told by their beginning", () => {
    expect(isThisKey("mh-abcd", "mh-abcdefgh")).toBe(true);
    expect(isThisKey("mh-abcd", "mh-other")).toBe(false);
    expect(isThisKey("", "mh-other")).toBe(false);
    expect(isThisKey("mh-abcd", null)).toBe(false);
  });
});
