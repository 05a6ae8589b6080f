import { describe, expect, it } from "vitest";
import { splitThinking } from "./thinking";

describe("splitThinking", () => {
  it("parts thoughts from the answer", () => {
    expect(splitThinking("<think>\nHm.\n</think>\n\nYes.")).toEqual({
      thinking: "Hm.",
      open: false,
      answer: "Yes.",
    });
  });

  it("knows thoughts whose opening mark is in the prompt", () => {
    expect(splitThinking("Hm.</think>Yes.")).toMatchObject({ thinking: "Hm.", answer: "Yes." });
  });

  it("says that thinking goes on", () => {
    expect(splitThinking("<think>Hm")).toEqual({ thinking: "Hm", open: true, answer: "" });
  });

  it("leaves other answers alone", () => {
    expect(splitThinking("Say <think> aloud").answer).toBe("Say <think> aloud");
  });
});
