import type { HubEvent } from "@/api/event-feed";
import type { Schemas } from "@/api/client";

type Job = Schemas["Job"];

/** How far a job is that moves files. */
export interface Transfer {
  doneBytes: number;
  /** 0 until it is known. */
  totalBytes: number;
  filesDone: number | null;
  filesTotal: number | null;
  bytesPerSecond: number | null;
  etaSeconds: number | null;
}

export function transferOfJob(job: Job): Transfer {
  return {
    doneBytes: job.progress.step,
    totalBytes: job.progress.total ?? 0,
    filesDone: null,
    filesTotal: null,
    bytesPerSecond: null,
    etaSeconds: job.progress.eta_seconds,
  };
}

/** What an event of the job tells of it; null when it tells something else. */
export function transferOfEvent(event: HubEvent, jobId: string): Transfer | null {
  if (event.type !== "job.progress" || event.subject.id !== jobId) return null;
  const data: Record<string, unknown> = event.data;
  const number = (name: string): number | null => {
    const value = data[name];
    return typeof value === "number" ? value : null;
  };
  return {
    doneBytes: number("step") ?? 0,
    totalBytes: number("total") ?? 0,
    filesDone: number("files_done"),
    filesTotal: number("files_total"),
    bytesPerSecond: number("bytes_per_second"),
    etaSeconds: number("eta_seconds"),
  };
}

/** The newest pull and push of a model, with those that have not ended before those that have. */
export function transfersOf(jobs: readonly Job[], model: string): Job[] {
  const newest = new Map<string, Job>();
  for (const job of jobs) {
    const name = job.model_version?.model ?? job.model;
    if (name !== model || newest.has(job.type)) continue;
    newest.set(job.type, job);
  }
  return [...newest.values()];
}

export const hasEnded = (job: Job): boolean =>
  job.state === "COMPLETED" || job.state === "FAILED" || job.state === "CANCELLED";
