import { describe, expect, it } from "vitest";
import type { HubEvent } from "@/api/event-feed";
import { eventWords } from "./event-words";

const event = (type: string, data: object = {}, kind: HubEvent["subject"]["kind"] = "job") =>
  ({ seq: 1, time: "2026-01-01T00:00:00Z", type, subject: { kind, id: "a b" }, data }) as HubEvent;

describe("eventWords", () => {
  it("names the work and the model, and where more is told", () => {
    expect(eventWords(event("job.completed", { kind: "finetune", model: "smollm2" }))).toEqual({
      text: "Fine-tuning of smollm2 completed",
      tone: "good",
      href: "/jobs/view/?id=a%20b",
    });
  });

  it("names what a job made", () => {
    const result = { model: "trivia", version: 2, version_id: "x" };
    const done = event("job.completed", { kind: "finetune", model: "smollm2", result });
    expect(eventWords(done).text).toBe("Fine-tuning of smollm2 completed: trivia version 2");
  });

  it("gives the reason of a failure", () => {
    const failed = event("job.failed", { kind: "pull", model: "m", reason: "no route" });
    expect(eventWords(failed)).toMatchObject({
      text: "Download of m failed: no route",
      tone: "bad",
    });
  });

  it("says what a job waits for", () => {
    const waiting = event("job.waiting", {
      kind: "merge",
      model: "m",
      reason: "waiting_for_memory",
    });
    expect(eventWords(waiting).text).toBe("Merge of m waits for memory");
  });

  it("tells of aliases with what was before", () => {
    const set = { model: "m", alias: "production", version: 3, before: 2 };
    expect(eventWords(event("alias.set", set, "model")).text).toBe(
      "m@production is version 3 now, before 2",
    );
    expect(eventWords(event("alias.set", { ...set, before: null }, "model")).text).toBe(
      "m@production is version 3 now",
    );
  });

  it("links to no page of what is gone", () => {
    expect(eventWords(event("job.deleted")).href).toBeNull();
    expect(eventWords(event("model.deleted", { name: "m" }, "model")).href).toBeNull();
  });

  it("tells events of a later hub by their type", () => {
    expect(eventWords(event("engine.went_away", {}, "hub")).text).toBe("engine went away");
  });
});
