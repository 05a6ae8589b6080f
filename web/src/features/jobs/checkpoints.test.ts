import { describe, expect, it } from "vitest";
import type { HubEvent } from "@/api/event-feed";
import { checkpointsOf } from "./checkpoints";

const written = (seq: number, step: number): HubEvent =>
  ({
    seq,
    time: `2026-11-29T12:00:${String(seq).padStart(2, "0")}Z`,
    type: "job.checkpoint",
    subject: { kind: "job", id: "j" },
    data: { step, seconds: 0.5 },
  }) as unknown as HubEvent;

const losses = { x: [0, 50, 100], y: [5, 4, 3] };

describe("checkpointsOf", () => {
  it("lists each step once, newest first, with the loss at it", () => {
    const found = checkpointsOf([written(1, 50), written(4, 100), written(2, 75)], losses, null);
    expect(found.map(({ step, evalLoss }) => [step, evalLoss])).toEqual([
      [100, 3],
      [75, null],
      [50, 4],
    ]);
    expect(found.every(({ kept }) => kept)).toBe(true);
  });

  it("knows which files are left, and from which one a job goes on", () => {
    // Resumed after 100 from 75, and stopped at 80.
    const found = checkpointsOf(
      [written(1, 50), written(2, 75), written(3, 100), written(9, 80)],
      losses,
      2,
    );
    expect(found.map(({ step, kept, last }) => [step, kept, last])).toEqual([
      [100, true, false],
      [80, true, true],
      [75, false, false],
      [50, false, false],
    ]);
  });
});
