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
  const start = "2026-11-29T12:00:00.123Z info metric job_id=01a0-b1";

  it("reads the hub's lines", () => {
    expect(recordOf(`${start} step=50 train_loss=1.31 note="a b"`)).toEqual({
      time: "2026-11-29T12:00:00.123Z",
      level: "info",
      event: "metric",
      message: "",
      fields: 'step=50 train_loss=1.31 note="a b"',
    });
    expect(recordOf(start)).toMatchObject({ event: "metric", fields: "" });
  });

  it("takes a message out of its quotes", () => {
    expect(recordOf(`${start} message="say \\"hello\\" to all"`)).toMatchObject({
      message: 'say "hello" to all',
      fields: "",
    });
    expect(recordOf(`${start} message=ready`)?.message).toBe("ready");
    expect(recordOf(`${start} message="a b" step=1`)).toMatchObject({
      message: "",
      fields: 'message="a b" step=1',
    });
  });

  it("leaves other lines to be shown as they are", () => {
    for (const line of ["plain text", '{"a":1}', "", "2026-11-29 info", "Z info metric"]) {
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
