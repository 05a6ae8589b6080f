import { describe, expect, it } from "vitest";
import { linesOf, matching, recordOf } from "./log-lines";

describe("linesOf", () => {
  it("counts a line with and without its end", () => {
    expect(linesOf("a\nb\n")).toEqual(["a", "b"]);
    expect(linesOf("a\n\nb")).toEqual(["a", "", "b"]);
    expect(linesOf("")).toEqual([]);
  });
});

describe("recordOf", () => {
  it("reads the hub's lines", () => {
    const line =
      '{"time":"2026-11-29T12:00:00.123Z","level":"info","event":"metric","process":"job x","job_id":"x","step":50,"train_loss":1.31,"note":"a b"}';
    expect(recordOf(line)).toEqual({
      time: "2026-11-29T12:00:00.123Z",
      level: "info",
      event: "metric",
      message: "",
      fields: "step=50 train_loss=1.31 note=a b",
    });
  });

  it("leaves other lines to be shown as they are", () => {
    for (const line of ["plain text", "{broken", '{"a":1}', "[1]", "{}"]) {
      expect(recordOf(line)).toBeNull();
    }
  });
});

describe("matching", () => {
  it("finds lines with all words in any case and order", () => {
    const lines = ["Loss at step 1", "step 2: loss", "memory"];
    expect(matching(lines, "STEP loss")).toEqual([0, 1]);
    expect(matching(lines, "disk")).toEqual([]);
    expect(matching(lines, "  ")).toBeNull();
  });
});
