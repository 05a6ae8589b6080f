import type { HubEvent } from "@/api/event-feed";
import { figureOf, type Job } from "./job";

/** What events have said of a running job since it was last read. */
export interface Activity {
  progress: Job["progress"] | null;
  /** When `progress` was said (milliseconds): the time that is left counts from there. */
  progressAt: number;
  metrics: Readonly<Record<string, unknown>>;
  peakBytes: number | null;
  resting: boolean;
  bytesPerSecond: number | null;
}

const nothing: Activity = {
  progress: null,
  progressAt: 0,
  metrics: {},
  peakBytes: null,
  resting: false,
  bytesPerSecond: null,
};

/** The activity after one more event of the job; null once it no longer runs, or runs anew. */
export function activityAfter(before: Activity | null, event: HubEvent): Activity | null {
  const activity = before ?? nothing;
  const { data } = event;
  switch (event.type) {
    case "job.progress":
      return {
        ...activity,
        progress: progressOf(data),
        progressAt: Date.parse(event.time),
        bytesPerSecond: figureOf(data, "bytes_per_second"),
      };
    case "job.metric":
      return { ...activity, metrics: { ...activity.metrics, ...data } };
    case "job.memory": {
      const peak = figureOf(data, "peak_bytes");
      const highest = Math.max(peak ?? 0, activity.peakBytes ?? 0);
      return { ...activity, peakBytes: highest > 0 ? highest : null };
    }
    case "job.cooling":
    case "job.cooled":
      return { ...activity, resting: event.type === "job.cooling" };
    case "job.checkpoint":
    case "job.sample":
    case "job.traced":
    case "job.cancel_requested":
      return before;
    default:
      return null;
  }
}

function progressOf(data: HubEvent["data"]): Job["progress"] {
  const step = figureOf(data, "step") ?? 0;
  const total = figureOf(data, "total");
  return {
    step,
    total,
    percent: total ? Math.min(100, (100 * step) / total) : 0,
    eta_seconds: figureOf(data, "eta_seconds"),
  };
}

/** The job as it was read, with what events have said since. */
export function withActivity(job: Job, activity: Activity | null | undefined): Job {
  if (!activity || job.state !== "RUNNING") return job;
  const peaks = [job.memory.peak_bytes, activity.peakBytes].filter((bytes) => bytes != null);
  return {
    ...job,
    progress: activity.progress ?? job.progress,
    metrics: { ...job.metrics, ...activity.metrics } as Job["metrics"],
    memory: { ...job.memory, peak_bytes: peaks.length > 0 ? Math.max(...peaks) : null },
  };
}
