import { describe, expect, it } from "vitest";
import type { HubEvent } from "@/api/event-feed";
import { mergeEvents } from "./event-history";

const event = (seq: number, type = "job.queued"): HubEvent => ({
  seq,
  type,
  time: "2026-01-01T00:00:00Z",
  subject: { kind: "job", id: "1" },
  data: {},
});

describe("mergeEvents", () => {
  it("puts the newest first and each once", () => {
    const merged = mergeEvents([event(4), event(2)], [event(3), event(4)]);
    expect(merged.map(({ seq }) => seq)).toEqual([4, 3, 2]);
  });

  it("leaves out what happens at every step", () => {
    expect(mergeEvents([], [event(1, "job.metric"), event(2, "job.progress"), event(3)])).toEqual([
      event(3),
    ]);
  });

  it("keeps a bounded number", () => {
    const many = Array.from({ length: 100 }, (_, index) => event(index + 1));
    const merged = mergeEvents([], many);
    expect(merged).toHaveLength(40);
    expect(merged[0]?.seq).toBe(100);
  });
});
