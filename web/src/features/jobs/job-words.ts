// What the hub's words for jobs mean, in plain English. Other pages use these, too.
import { formatTime, plural } from "@/format";
import { laneOf, type Job, type JobState, type JobType } from "./job";

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

export const whenWords = (time: string | null): string =>
  time ? `at ${formatTime(time)}` : "when it is its turn";
