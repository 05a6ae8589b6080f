import { describe, expect, it } from "vitest";
import type { TokenProbability } from "./answer";
import { bandOf, perplexity, visibleToken } from "./token-probability";

const token = (share: number): TokenProbability => ({
  token: "x",
  logprob: Math.log(share),
  alternatives: [],
});

describe("token probabilities", () => {
  it("fall into bands", () => {
    const names = [1, 0.9, 0.89, 0.5, 0.3, 0.01, 0].map((share) => bandOf(token(share)).name);
    expect(names).toEqual([
      "90 % and more",
      "90 % and more",
      "50 to 90 %",
      "50 to 90 %",
      "20 to 50 %",
      "below 20 %",
      "below 20 %",
    ]);
  });

  it("make a perplexity", () => {
    expect(perplexity([])).toBeNull();
    expect(perplexity([token(0.5), token(0.5)])).toBeCloseTo(2);
    expect(perplexity([token(1)])).toBeCloseTo(1);
  });

  it("show white space that is a token", () => {
    expect(visibleToken(" a\n\t")).toBe("␣a↵⇥");
  });
});
