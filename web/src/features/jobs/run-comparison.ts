import { figureOf, secondsRun, type Job } from "./job";

/** One line of a table with a column for each run; values as JSON. */
export interface Difference {
  name: string;
  values: unknown[];
}

/** The parameters in which runs differ, by name; with `all` the others, too. */
export function paramDifferences(jobs: readonly Job[], all: boolean): Difference[] {
  const fields = jobs.map((job): Readonly<Record<string, unknown>> => ({
    ...job.params,
    model: job.model_version
      ? `${job.model_version.model} v${job.model_version.version}`
      : job.model,
    dataset: job.dataset?.name ?? job.dataset?.digest ?? null,
  }));
  const names = [...new Set(fields.flatMap((each) => Object.keys(each)))].sort();
  return names
    .map((name) => ({ name, values: fields.map((each) => each[name] ?? null) }))
    .filter(({ values }) => all || differs(values));
}

function differs(values: readonly unknown[]): boolean {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.some((text) => text !== texts[0]);
}

/** Which way a figure is better; null where neither is. */
type Better = "less" | "more" | null;

export interface Figure {
  name: string;
  /** What the value is, for its format. */
  unit: "loss" | "count" | "rate" | "seconds" | "bytes";
  values: (number | null)[];
  /** The index of the best run; null where there is no best. */
  best: number | null;
}

const figures: [
  name: string,
  unit: Figure["unit"],
  better: Better,
  of: (job: Job) => number | null,
][] = [
  ["Steps", "count", null, (job) => figureOf(job.details, "steps") ?? job.progress.step],
  [
    "Training loss",
    "loss",
    "less",
    (job) => figureOf(job.details, "train_loss") ?? figureOf(job.metrics, "train_loss"),
  ],
  ["Validation loss before", "loss", null, (job) => figureOf(job.details, "eval_loss_before")],
  [
    "Validation loss",
    "loss",
    "less",
    (job) => figureOf(job.details, "eval_loss_after") ?? figureOf(job.metrics, "eval_loss"),
  ],
  ["Best step", "count", null, (job) => figureOf(job.details, "best_step")],
  ["Trained tokens", "count", null, (job) => figureOf(job.metrics, "trained_tokens")],
  ["Tokens per second", "rate", "more", (job) => figureOf(job.metrics, "tokens_per_second")],
  ["Peak memory", "bytes", "less", (job) => job.memory.peak_bytes],
  // Queue pauses and attempts count, as they did for whoever waited.
  ["Took", "seconds", "less", (job) => (job.ended_at ? secondsRun(job, 0) : null)],
];

/** What runs came to, side by side; figures that none has are left out. */
export function finalFigures(jobs: readonly Job[]): Figure[] {
  return figures.flatMap(([name, unit, better, of]) => {
    const values = jobs.map(of);
    if (values.every((value) => value === null)) return [];
    return [{ name, unit, values, best: bestOf(values, unit, better) }];
  });
}

/** What differs by less than this is measured as the same; losses are exact. */
const sameShare: Record<Figure["unit"], number> = {
  loss: 0,
  count: 0,
  rate: 0.01,
  seconds: 0.01,
  bytes: 0.01,
};

function bestOf(
  values: readonly (number | null)[],
  unit: Figure["unit"],
  better: Better,
): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const ordered = better === "more" ? known.reverse() : known;
  const [best, next] = ordered;
  if (better === null || best === undefined || next === undefined) return null;
  if (Math.abs(best - next) <= sameShare[unit] * Math.abs(best)) return null;
  return values.indexOf(best);
}
