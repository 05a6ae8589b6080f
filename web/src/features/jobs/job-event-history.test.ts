import { describe, expect, it, vi } from "vitest";
import { hubFetch } from "@/api/client";
import type { HubEvent } from "@/api/event-feed";
import { isTold, readJobEvents } from "./job-event-history";

vi.mock("@/api/client", () => ({
  hubFetch: vi.fn(),
  expectOk: (response: Response) => Promise.resolve(response),
}));

const event = (seq: number, type: string, data: Record<string, unknown> = {}): HubEvent =>
  ({
    seq,
    type,
    time: "2026-11-29T12:00:00Z",
    subject: { kind: "job", id: "j" },
    data,
  }) as HubEvent;

const wire = (each: HubEvent): string =>
  `id: ${each.seq}\nevent: ${each.type}\ndata: ${JSON.stringify(each)}\n\n`;

/** A hub with these events; its stream stays open when `open`. */
function hubWith(events: HubEvent[], open: boolean): string[] {
  const asked: string[] = [];
  vi.mocked(hubFetch).mockImplementation((address) => {
    if (typeof address !== "string") throw new Error("these are asked by text");
    const { pathname, search } = new URL(address, "http://hub");
    asked.push(pathname + search);
    if (pathname === "/system") {
      return Promise.resolve(Response.json({ events: { last_seq: events.at(-1)?.seq ?? 0 } }));
    }
    const after = Number(new URLSearchParams(search).get("after"));
    const text = events
      .filter(({ seq }) => seq > after)
      .map(wire)
      .join("");
    return Promise.resolve(
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode(`: connected\n\n${text}`));
            if (!open) controller.close();
          },
        }),
      ),
    );
  });
  return asked;
}

describe("isTold", () => {
  it("leaves out what the charts show", () => {
    expect(isTold({ event: "job.progress", data: "{}" })).toBe(false);
    expect(isTold({ event: "job.metric", data: '{"step":1,"train_loss":2}' })).toBe(false);
    expect(isTold({ event: "job.metric", data: '{"step":1,"eval_loss":2}' })).toBe(true);
    expect(isTold({ event: "job.metric", data: '{"step":1,"skipped_in_a_row":1}' })).toBe(true);
    expect(isTold({ event: "job.checkpoint", data: "{}" })).toBe(true);
    expect(isTold({ event: "job.of_a_later_hub", data: "{}" })).toBe(true);
  });
});

describe("readJobEvents", () => {
  const events = [
    event(3, "job.queued"),
    event(5, "job.started"),
    event(6, "job.progress"),
    event(8, "job.metric", { step: 1, train_loss: 2 }),
    event(9, "job.metric", { step: 1, eval_loss: 2 }),
  ];

  it("ends with the stream of a job that has ended", async () => {
    hubWith(events, false);
    const taken: number[] = [];
    expect(await readJobEvents("j", 0, ({ seq }) => taken.push(seq))).toBe(9);
    expect(taken).toEqual([3, 5, 9]);
  });

  it("ends at the newest event of a job that goes on", async () => {
    hubWith(events, true);
    const taken: number[] = [];
    expect(await readJobEvents("j", 5, ({ seq }) => taken.push(seq))).toBe(9);
    expect(taken).toEqual([9]);
  });

  it("asks for what comes after the last event that was read", async () => {
    const asked = hubWith(events, false);
    await readJobEvents("j", 9, () => undefined);
    expect(asked).toEqual(["/system", "/jobs/j/events?after=9"]);
  });
});
