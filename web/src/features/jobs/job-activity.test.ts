import { describe, expect, it } from "vitest";
import type { HubEvent } from "@/api/event-feed";
import type { Job } from "./job";
import { activityAfter, withActivity, type Activity } from "./job-activity";

const event = (type: string, data: Record<string, unknown> = {}): HubEvent =>
  ({
    seq: 1,
    time: "2026-11-29T12:00:00Z",
    type,
    subject: { kind: "job", id: "j" },
    data,
  }) as unknown as HubEvent;

const after = (...events: HubEvent[]): Activity | null =>
  events.reduce<Activity | null>(activityAfter, null);

const job = {
  state: "RUNNING",
  progress: { step: 1, total: 10, percent: 10, eta_seconds: null },
  metrics: { train_loss: 5, eval_loss: 6 },
  memory: { estimated_bytes: 100, peak_bytes: 50 },
} as unknown as Job;

describe("activity", () => {
  it("goes over what was read of a running job", () => {
    const activity = after(
      event("job.metric", { step: 4, train_loss: 3 }),
      event("job.progress", { step: 4, total: 10, eta_seconds: 6 }),
      event("job.memory", { peak_bytes: 80 }),
      event("job.memory", { peak_bytes: 70 }),
    );
    expect(withActivity(job, activity)).toMatchObject({
      progress: { step: 4, total: 10, percent: 40, eta_seconds: 6 },
      metrics: { train_loss: 3, eval_loss: 6 },
      memory: { peak_bytes: 80 },
    });
  });

  it("ends with the attempt", () => {
    const events = [event("job.progress", { step: 4, total: 10 }), event("job.completed")];
    expect(after(...events)).toBeNull();
    expect(after(...events, event("job.started"))).toBeNull();
  });

  it("outlasts what does not end it", () => {
    const activity = after(
      event("job.progress", { step: 4, total: 10 }),
      event("job.checkpoint", { step: 4 }),
      event("job.cooling"),
    );
    expect(activity).toMatchObject({ progress: { step: 4 }, resting: true });
  });

  it("says nothing of a job that does not run", () => {
    const queued = { ...job, state: "QUEUED" } as Job;
    expect(withActivity(queued, after(event("job.metric", { train_loss: 1 })))).toBe(queued);
  });
});
