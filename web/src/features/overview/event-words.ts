import type { HubEvent } from "@/api/event-feed";
import type { Tone } from "@/components/ui/badge";
import { typeWords } from "@/features/jobs/job-words";
import { datasetIdHref, jobHref, modelIdHref } from "@/links";

export interface EventWords {
  text: string;
  tone: Tone;
  /** Where more is told of it. */
  href: string | null;
}

/** By the type that an event names; a later hub may have others. */
const doing: Partial<Record<string, string>> = typeWords;

const waitsFor: Record<string, string> = {
  position: "its turn",
  waiting_for_weights: "the model's files",
  waiting_for_memory: "memory",
  queue_paused: "the queue, which is paused",
  yielded_to_serving: "memory, which it gave to a model that was asked",
  retry_at: "its next attempt",
};

/** An event in plain words. Those of a later hub are told by their type. */
export function eventWords({ type, subject, data }: HubEvent): EventWords {
  const { id } = subject;
  const read = (name: string): string => words(data, name);
  const [kind = "", happened = ""] = type.split(".");
  if (kind === "job") {
    const href = type === "job.deleted" ? null : jobHref(id);
    const job = read("model") ? `${doing[read("kind")] ?? "Job"} of ${read("model")}` : "The job";
    return { ...jobWords(happened, job, madeBy(data), read), href };
  }
  const model = { tone: "neutral" as const, href: modelIdHref(read("model_id") || id) };
  const none = { tone: "neutral" as const, href: null };
  switch (type) {
    case "model.created":
      return { ...model, text: `Model ${read("name")} registered` };
    case "model.updated":
      return { ...model, text: `Model ${read("name")} described anew` };
    case "model.deleted":
      return { ...none, text: `Model ${read("name")} removed` };
    case "version.created":
      return {
        ...model,
        text: `${read("model")} has a new version ${read("version")}`,
        tone: "good",
      };
    case "version.deleted":
      return { ...none, text: `Version ${read("version")} of ${read("model")} removed` };
    case "version.pinned":
      return { ...none, text: "A model was pinned in memory" };
    case "version.unpinned":
      return { ...none, text: "A model may be unloaded again" };
    case "alias.set":
      return {
        ...model,
        text: `${read("model")}@${read("alias")} is version ${read("version")} now${read("before") && `, before ${read("before")}`}`,
        tone: "accent",
      };
    case "alias.removed":
      return { ...model, text: `${read("model")} has no alias ${read("alias")} any more` };
    case "dataset.created":
      return {
        text: `Data set ${read("name")} added, ${read("rows")} rows`,
        tone: "good",
        href: datasetIdHref(id),
      };
    case "dataset.deleted":
      return { ...none, text: `Data set ${read("name")} removed` };
    case "queue.paused":
      return { text: "The queue was paused", tone: "warn", href: "/jobs/" };
    case "queue.resumed":
      return { text: "The queue goes on", tone: "good", href: "/jobs/" };
    case "setting.changed":
      return { ...none, text: `Setting ${read("name")} changed`, href: "/settings/" };
    case "key.created":
      return { ...none, text: `API key ${read("name")} made`, href: keysHref };
    case "key.updated":
      return { ...none, text: `Limits of API key ${read("name")} changed`, href: keysHref };
    case "key.revoked":
      return { text: `API key ${read("name")} revoked`, tone: "warn", href: keysHref };
    default:
      return { ...none, text: type.replaceAll(/[._]/g, " ") };
  }
}

const keysHref = "/keys/";

function jobWords(
  happened: string,
  job: string,
  made: string,
  read: (name: string) => string,
): { text: string; tone: Tone } {
  const reason = read("last_error") || read("reason");
  switch (happened) {
    case "queued":
      return { text: `${job} queued`, tone: "neutral" };
    case "started":
      return { text: `${job} started`, tone: "accent" };
    case "resumed":
      return { text: `${job} goes on from its last checkpoint`, tone: "accent" };
    case "waiting":
      return {
        text: `${job} waits for ${waitsFor[read("reason")] ?? "its turn"}`,
        tone: "neutral",
      };
    case "retry":
      return { text: `${job} broke off and will be tried again: ${reason}`, tone: "warn" };
    case "priority":
      return { text: `${job} has another place in the queue`, tone: "neutral" };
    case "cancel_requested":
      return { text: `${job} is being cancelled`, tone: "warn" };
    case "completed":
      return { text: `${job} completed${made && `: ${made}`}`, tone: "good" };
    case "failed":
      return { text: `${job} failed${reason && `: ${reason}`}`, tone: "bad" };
    case "cancelled":
      return { text: `${job} cancelled`, tone: "warn" };
    case "deleted":
      return { text: `${job} removed`, tone: "neutral" };
    case "cooling":
      return { text: `${job} rests: the machine is hot`, tone: "warn" };
    case "cooled":
      return { text: `${job} goes on: the machine has cooled`, tone: "good" };
    default:
      return { text: `${job}: ${happened.replaceAll("_", " ")}`, tone: "neutral" };
  }
}

/** A figure or text of an event's data; "" without. */
function words(data: Record<string, unknown>, name: string): string {
  const value = data[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** The version that a job made: "trivia version 3"; "" without. */
function madeBy(data: Record<string, unknown>): string {
  const { result } = data;
  if (typeof result !== "object" || result === null) return "";
  const made: Record<string, unknown> = { ...result };
  return `${words(made, "model")} version ${words(made, "version")}`;
}
