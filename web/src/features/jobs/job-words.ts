// What the hub's words for jobs mean, in plain English. Other pages use these, too.
import type { HubEvent } from "@/api/event-feed";
import { formatBytes, formatDuration, formatFigure, formatTime, plural } from "@/format";
import { figureOf, laneOf, textOf, type Job, type JobState, type JobType } from "./job";

export const typeWords: Record<JobType, string> = {
  finetune: "Fine-tuning",
  evaluate: "Evaluation",
  merge: "Merge",
  quantize: "Quantization",
  pull: "Download",
  push: "Upload",
};

export const stateWords: Record<JobState, string> = {
  QUEUED: "Queued",
  RUNNING: "Running",
  COMPLETED: "Completed",
  FAILED: "Failed",
  CANCELLED: "Cancelled",
};

/** A job's own page. */
export const jobHref = (id: string): string => `/jobs/view/?id=${encodeURIComponent(id)}`;

/** "Fine-tuning of smollm2-135m-instruct". */
export const jobTitle = (job: Pick<Job, "type" | "model">): string =>
  `${typeWords[job.type]} of ${job.model}`;

/** What the job makes or is called by: its output's name, else its model. */
export const jobName = (job: Pick<Job, "type" | "model" | "output" | "result">): string =>
  job.result?.model ?? job.output?.name ?? job.model;

/** Why a queued job waits. */
export function waitWords(
  job: Pick<Job, "type" | "reason" | "queue_position" | "not_before" | "last_error">,
): string {
  switch (job.reason) {
    case "position":
      return job.queue_position === 1
        ? "Next to run"
        : `Waits for ${plural((job.queue_position ?? 2) - 1, "job")} before it`;
    case "waiting_for_weights":
      return "Waits for its model's weights, which are being downloaded";
    case "waiting_for_memory":
      return "Waits until enough memory is free";
    case "queue_paused":
      return "The queue is paused";
    case "yielded_to_serving":
      return `Made room for requests; goes on ${whenWords(job.not_before)}`;
    case "retry_at":
      return `Its worker crashed; tried again ${whenWords(job.not_before)}`;
    default:
      return job.reason ?? `Waits for the ${laneOf(job) === "host" ? "network" : "device"}`;
  }
}

const whenWords = (time: string | null): string =>
  time ? `at ${formatTime(time)}` : "when it is its turn";

export interface Failure {
  /** What happened, in a few words. */
  title: string;
  /** The hub's own words. */
  reason: string;
  /** What the reader can do about it. */
  advice: string;
}

const advices: [pattern: RegExp, title: string, advice: string][] = [
  [
    /diverged/i,
    "The training diverged",
    "Lower the learning rate or set a maximum gradient norm, and start it again.",
  ],
  [
    /longer than its limit/i,
    "It ran out of its time",
    "Resume it from its last checkpoint, or give the next one a longer time limit.",
  ],
  [
    /no progress for/i,
    "Its worker hung",
    "Look at the end of its log. Resuming goes on from the last checkpoint.",
  ],
  [
    /memory|bad_alloc|signal 9|SIGKILL/i,
    "It ran out of memory",
    "Use a smaller batch, shorter rows or gradient checkpointing, or unload models that are being served.",
  ],
  [
    /disk|no space/i,
    "The disk is full",
    "Free disk space (System, garbage collection), then resume it.",
  ],
  [
    /weights of .* did not arrive/i,
    "Its model's weights did not arrive",
    "Look at the download's own page for the reason, download the model again, then start this anew.",
  ],
  [
    /connect|network|timed out|resolve|unreachable|HTTP \d|refused/i,
    "The network failed",
    "Check the connection and the access token, then start it again; what was downloaded is kept.",
  ],
  [
    /signal \d+|SIG[A-Z]+|crash/i,
    "Its worker crashed",
    "Look at the end of its log. Resuming goes on from the last checkpoint.",
  ],
];

/** Why a job failed and what to do; null unless it failed. */
export function failureOf(
  job: Pick<Job, "state" | "reason" | "last_error" | "type">,
): Failure | null {
  if (job.state !== "FAILED") return null;
  const reason = job.reason ?? job.last_error ?? "The hub kept no reason.";
  const known = advices.find(([pattern]) => pattern.test(reason));
  return {
    title: known?.[1] ?? `${typeWords[job.type]} failed`,
    reason,
    advice:
      known?.[2] ??
      "Its log says what it was doing. Correct what the reason names, then start it again.",
  };
}

/** One event of a job as a sentence. The tone says whether it is good news. */
export interface EventWords {
  text: string;
  detail: string | null;
  tone: "neutral" | "accent" | "good" | "warn" | "bad";
}

type Describe = (data: HubEvent["data"]) => EventWords;

const says = (
  text: string,
  tone: EventWords["tone"] = "neutral",
  detail: string | null = null,
): EventWords => ({ text, detail, tone });

const lastError = (data: HubEvent["data"]): string | null =>
  textOf(data, "last_error") ?? textOf(data, "reason");

const describe: Record<string, Describe> = {
  "job.queued": () => says("Queued"),
  "job.resumed": () => says("Put back into the queue, to go on from its last checkpoint"),
  "job.started": (data) => {
    const attempt = figureOf(data, "attempt") ?? 1;
    return says(attempt > 1 ? `Started, attempt ${attempt}` : "Started", "accent");
  },
  "job.waiting": (data) => says(waitingWords(data)),
  "job.retry": (data) =>
    says(
      `Crashed; tried again ${whenWords(textOf(data, "not_before"))}`,
      "warn",
      textOf(data, "last_error"),
    ),
  "job.priority": () => says("Moved in the queue"),
  "job.cancel_requested": () => says("Asked to stop; it does at its next step", "warn"),
  "job.completed": (data) => says("Completed", "good", madeWords(data)),
  "job.failed": (data) => says("Failed", "bad", lastError(data)),
  "job.cancelled": () => says("Cancelled", "warn"),
  "job.deleted": () => says("Removed", "warn"),
  "job.cooling": () => says("Rests: the machine is too hot", "warn"),
  "job.cooled": () => says("Goes on: the machine has cooled"),
  "job.traced": () => says("Its trace was linked to the request that sent it"),
  "job.checkpoint": (data) => says(`Checkpoint after step ${stepOf(data)}`, "neutral", took(data)),
  "job.sample": (data) =>
    says(`Sample answer at step ${stepOf(data)}`, "neutral", textOf(data, "text")),
  "job.progress": (data) => says(progressWords(data)),
  "job.memory": (data) => says(`Peak memory ${formatBytes(figureOf(data, "peak_bytes"))}`),
  "job.metric": metricWords,
};

const stepOf = (data: HubEvent["data"]): string => String(figureOf(data, "step") ?? "?");

function took(data: HubEvent["data"]): string | null {
  const seconds = figureOf(data, "seconds");
  return seconds == null ? null : `Written in ${formatDuration(seconds)}`;
}

function waitingWords(data: HubEvent["data"]): string {
  return waitWords({
    type: "finetune",
    reason: textOf(data, "reason"),
    queue_position: null,
    not_before: textOf(data, "not_before"),
    last_error: null,
  });
}

function madeWords(data: HubEvent["data"]): string | null {
  const result: unknown = (data as { result?: unknown }).result;
  if (typeof result !== "object" || result === null) return null;
  const made = result as Record<string, unknown>;
  const model = textOf(made, "model");
  return model == null ? null : `Made ${model} v${figureOf(made, "version") ?? "?"}`;
}

function progressWords(data: HubEvent["data"]): string {
  const step = figureOf(data, "step");
  const total = figureOf(data, "total");
  if (textOf(data, "unit") === "bytes") {
    return `${formatBytes(step)} of ${formatBytes(total)}`;
  }
  return `Step ${step ?? "?"} of ${total ?? "?"}`;
}

function metricWords(data: HubEvent["data"]): EventWords {
  const loss = figureOf(data, "eval_loss");
  if (loss != null) return says(`Validation loss ${formatFigure(loss)} at step ${stepOf(data)}`);
  const skipped = figureOf(data, "skipped_in_a_row");
  if (skipped != null) {
    return says(
      `Step ${stepOf(data)} skipped: its loss or gradient was no finite number`,
      "warn",
      skipped > 1 ? `${skipped} steps in a row` : null,
    );
  }
  return says(
    `Training loss ${formatFigure(figureOf(data, "train_loss"))} at step ${stepOf(data)}`,
  );
}

/** An event of a job, in plain words; one of a later hub, by its own name. */
export function eventWords(event: Pick<HubEvent, "type" | "data">): EventWords {
  return describe[event.type]?.(event.data) ?? says(event.type.replace(/^job\./, ""));
}
