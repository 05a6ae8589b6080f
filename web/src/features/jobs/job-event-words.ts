import type { HubEvent } from "@/api/event-feed";
import { formatBytes, formatDuration, formatFigure } from "@/format";
import { figureOf, textOf } from "./job";
import { waitWords, whenWords } from "./job-words";

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
  const reason = textOf(data, "reason");
  // Its place in the queue is not in the event, and would be an old one.
  if (reason === "position") return "Waits for its turn";
  return waitWords({
    type: "finetune",
    reason,
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
