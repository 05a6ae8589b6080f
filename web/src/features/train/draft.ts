import type { Schemas } from "@/api/client";
import { entriesOf, paramsOf, type Problems } from "./settings/params";
import type { Entries, Entry, Params } from "./settings/setting";

/** A fine-tuning job while it is put together: all texts, as typed. */
export interface Draft {
  model: string;
  dataset: string;
  output: string;
  alias: string;
  priority: string;
  timeout: string;
  entries: Entries;
  /** The query of the address that it was begun with; the same one does not begin it again. */
  source: string;
}

export const emptyDraft: Draft = {
  model: "",
  dataset: "",
  output: "",
  alias: "",
  priority: "",
  timeout: "",
  entries: {},
  source: "",
};

const storageName = "mlx-hub-train-draft";

export function loadDraft(): Draft | null {
  try {
    const stored = window.sessionStorage.getItem(storageName);
    if (stored === null) return null;
    // Whoever changed it by hand gets an empty form.
    const draft = JSON.parse(stored) as Partial<Draft>;
    return { ...emptyDraft, ...draft };
  } catch {
    return null;
  }
}

export function saveDraft(draft: Draft): void {
  try {
    window.sessionStorage.setItem(storageName, JSON.stringify(draft));
  } catch {
    // Without storage a draft lasts as long as the page.
  }
}

/** A setting entered; another optimizer has other settings of its own. */
export function withEntry(draft: Draft, name: string, entry: Entry | undefined): Draft {
  const entries: Record<string, Entry> = {};
  for (const [other, value] of Object.entries(draft.entries)) {
    const ofOldOptimizer = name === "optimizer" && other.startsWith("optimizer_config.");
    if (value !== undefined && other !== name && !ofOldOptimizer) entries[other] = value;
  }
  if (entry !== undefined) entries[name] = entry;
  return { ...draft, entries };
}

/** From an earlier job: its inputs and what of its parameters is not the default. */
export function draftOfJob(job: Schemas["Job"], source: string): Draft {
  return {
    ...emptyDraft,
    model: job.model,
    dataset: job.dataset?.name ?? "",
    entries: entriesOf(job.params ?? {}),
    source,
  };
}

/** The body of POST /jobs, as it is written by hand: defaults may be left out. */
export interface FinetuneRequest {
  type: "finetune";
  model: string;
  dataset: string;
  params: Partial<Params>;
  output?: { name?: string; alias?: string };
  timeout_seconds?: number;
  priority?: number;
}

const whole = (text: string): number | null =>
  /^-?\d+$/.test(text.trim()) ? Number(text.trim()) : null;

/** What is wrong with a draft, by parameter or by the request's own fields ("output.name"). */
export function draftProblems(draft: Draft): Problems {
  const problems: Partial<Record<string, string>> = { ...paramsOf(draft.entries).problems };
  const priority = draft.priority.trim() === "" ? 0 : whole(draft.priority);
  if (priority === null || Math.abs(priority) > 1000) {
    problems.priority = "A whole number from -1000 to 1000";
  }
  const timeout = draft.timeout.trim() === "" ? 1 : whole(draft.timeout);
  if (timeout === null || timeout < 1 || timeout > 31_536_000) {
    problems.timeout_seconds = "A whole number of seconds, at most a year";
  }
  return problems;
}

/** null while something is missing or wrong. */
export function requestOf(draft: Draft): FinetuneRequest | null {
  if (draft.model === "" || draft.dataset === "") return null;
  if (Object.keys(draftProblems(draft)).length > 0) return null;
  const output = {
    ...(draft.output.trim() !== "" && { name: draft.output.trim() }),
    ...(draft.alias.trim() !== "" && { alias: draft.alias.trim() }),
  };
  return {
    type: "finetune",
    model: draft.model,
    dataset: draft.dataset,
    params: paramsOf(draft.entries).params,
    ...(Object.keys(output).length > 0 && { output }),
    ...(draft.priority.trim() !== "" && { priority: Number(draft.priority) }),
    ...(draft.timeout.trim() !== "" && { timeout_seconds: Number(draft.timeout) }),
  };
}
