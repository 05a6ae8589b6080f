import type { Schemas } from "@/api/client";

export type Job = Schemas["Job"];
export type JobState = Job["state"];
export type JobType = Job["type"];

export const jobStates: readonly JobState[] = [
  "QUEUED",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
];

export const jobTypes: readonly JobType[] = [
  "finetune",
  "evaluate",
  "merge",
  "quantize",
  "pull",
  "push",
];

export const hasEnded = (job: Pick<Job, "state">): boolean =>
  job.state !== "QUEUED" && job.state !== "RUNNING";

/** Jobs of one lane run one at a time; those that only move files have a lane of their own. */
export type Lane = "device" | "host";

export const laneOf = (job: Pick<Job, "type">): Lane =>
  job.type === "pull" || job.type === "push" ? "host" : "device";

/** Objects whose fields the contract leaves open: metrics, params, details. */
type Open = Readonly<Record<string, unknown>> | null;

/** A figure of such an object; null where there is none. */
export function figureOf(fields: Open, name: string): number | null {
  const value = fields?.[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function textOf(fields: Open, name: string): string | null {
  const value = fields?.[name];
  return typeof value === "string" && value !== "" ? value : null;
}

/** How long a job has run or ran: from its first start to its end, or to now. */
export function secondsRun(job: Pick<Job, "started_at" | "ended_at">, now: number): number | null {
  if (!job.started_at) return null;
  const end = job.ended_at ? new Date(job.ended_at).getTime() : now;
  return Math.max(0, (end - new Date(job.started_at).getTime()) / 1000);
}

/** A training that stopped early can go on from its last checkpoint. */
export const mayResume = (job: Pick<Job, "state" | "type">): boolean =>
  job.type === "finetune" && (job.state === "FAILED" || job.state === "CANCELLED");

/** What only moves files gives the same bytes by its digest; doing it again shows nothing. */
export const mayReproduce = (job: Pick<Job, "state" | "type">): boolean =>
  job.state === "COMPLETED" && laneOf(job) === "device";
