import { describe, expect, it } from "vitest";
import { limitProblem, limitTexts, limitWords, limitsOf } from "./limits";

const none = { requests_per_minute: null, tokens_per_minute: null, concurrent_streams: null };

describe("limits of keys", () => {
  it("are taken as the hub takes them", () => {
    for (const good of ["", "1", "60", "999999999999"]) expect(limitProblem(good)).toBeNull();
    for (const bad of ["0", "-1", "1.5", "1e3", "ten", " 5", "1000000000000"]) {
      expect(limitProblem(bad)).not.toBeNull();
    }
  });

  it("go into texts and back", () => {
    const limits = { ...none, requests_per_minute: 60, concurrent_streams: 2 };
    expect(limitTexts(limits).tokens_per_minute).toBe("");
    expect(limitsOf(limitTexts(limits))).toEqual(limits);
    expect(limitsOf(limitTexts({}))).toEqual(none);
  });

  it("are told in a line", () => {
    expect(limitWords(none)).toBe("none");
    expect(limitWords({ tokens_per_minute: 20000, concurrent_streams: 2 })).toBe(
      "20,000 tokens/min, 2 at once",
    );
  });
});
