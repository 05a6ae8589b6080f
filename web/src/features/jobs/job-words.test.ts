import { describe, expect, it } from "vitest";
import type { HubEvent } from "@/api/event-feed";
import type { Job } from "./job";
import { eventWords } from "./job-event-words";
import { failureOf } from "./job-failure";
import { waitWords } from "./job-words";

const waiting = (fields: Partial<Job>) =>
  waitWords({
    type: "finetune",
    reason: "position",
    queue_position: 1,
    not_before: null,
    last_error: null,
    ...fields,
  });

describe("waitWords", () => {
  it("counts those before it", () => {
    expect(waiting({})).toBe("Next to run");
    expect(waiting({ queue_position: 2 })).toBe("Waits for 1 job before it");
    expect(waiting({ queue_position: 5 })).toBe("Waits for 4 jobs before it");
  });

  it("says what else it waits for", () => {
    expect(waiting({ reason: "waiting_for_memory" })).toBe("Waits until enough memory is free");
    expect(waiting({ reason: "queue_paused" })).toBe("The queue is paused");
    expect(waiting({ reason: "retry_at", not_before: "2000-01-01T10:00:00Z" })).toMatch(
      /^Its worker crashed; tried again at 2000-01-01 /,
    );
  });

  it("shows the word of a later hub as it is", () => {
    expect(waiting({ reason: "waiting_for_tea" })).toBe("waiting_for_tea");
  });
});

describe("failureOf", () => {
  const failed = (reason: string) =>
    failureOf({ state: "FAILED", reason, last_error: null, type: "finetune" });

  it("is of failed jobs only", () => {
    expect(
      failureOf({ state: "COMPLETED", reason: null, last_error: "x", type: "finetune" }),
    ).toBeNull();
  });

  it("knows what to do about what the hub says", () => {
    expect(failed("the training diverged at step 3 of 40: loss nan")?.title).toBe(
      "The training diverged",
    );
    expect(failed("the job ran longer than its limit of 5 seconds")?.title).toBe(
      "It ran out of its time",
    );
    expect(failed("the worker showed no progress for 600 seconds")?.title).toBe("Its worker hung");
    expect(failed("the worker was ended by signal 11")?.title).toBe("Its worker crashed");
  });

  it("keeps the hub's own words, whatever they are", () => {
    const failure = failed("something new");
    expect(failure).toMatchObject({ title: "Fine-tuning failed", reason: "something new" });
    expect(failure?.advice).toMatch(/log/);
  });
});

describe("eventWords", () => {
  const words = (type: string, data: Record<string, unknown> = {}) =>
    eventWords({ type, data: data as HubEvent["data"] });

  it("tells what happened", () => {
    expect(words("job.started", { attempt: 2 }).text).toBe("Started, attempt 2");
    expect(words("job.completed", { result: { model: "a", version: 3 } })).toEqual({
      text: "Completed",
      detail: "Made a v3",
      tone: "good",
    });
    expect(words("job.failed", { reason: "no" })).toEqual({
      text: "Failed",
      detail: "no",
      tone: "bad",
    });
    expect(words("job.checkpoint", { step: 50, seconds: 0.25 })).toMatchObject({
      text: "Checkpoint after step 50",
      detail: "Written in 250 ms",
    });
    expect(words("job.metric", { step: 50, eval_loss: 1.5 }).text).toBe(
      "Validation loss 1.5 at step 50",
    );
    expect(words("job.waiting", { reason: "waiting_for_memory" }).text).toBe(
      "Waits until enough memory is free",
    );
    expect(words("job.waiting", { reason: "position" }).text).toBe("Waits for its turn");
  });

  it("shows an event of a later hub by its name", () => {
    expect(words("job.teleported").text).toBe("teleported");
  });
});
