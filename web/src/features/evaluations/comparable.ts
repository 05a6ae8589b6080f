import type { Evaluation } from "./metrics";

/** What decides the figures besides the model; how many rows go at once does not. */
function decidingParams(evaluation: Evaluation): string {
  const params = Object.entries(evaluation.params as Record<string, unknown>)
    .filter(([name]) => name !== "batch_size")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(params);
}

/** Whether it has ended well; its job, and with it the state, may be gone. */
export const hasFigures = ({ ended_at, metrics }: Evaluation): boolean =>
  ended_at !== null && Object.keys(metrics).length > 0;

/** Why two evaluations cannot be set side by side, as the hub would say; null when they can. */
export function whyNotComparable(first: Evaluation, other: Evaluation): string | null {
  if (first.id === other.id) return null;
  if (!hasFigures(other)) return "It has no figures";
  if (first.dataset?.digest !== other.dataset?.digest) return "It measured other rows";
  if (decidingParams(first) !== decidingParams(other)) return "It measured with other settings";
  return null;
}

export interface EvaluationFilter {
  model: string;
  dataset: string;
  task: string;
}

const has = (wanted: string, value: string | null | undefined): boolean =>
  wanted === "" || wanted === value;

/** The evaluations that a filter lets through; empty parts let all through. */
export function filtered(
  evaluations: readonly Evaluation[],
  filter: EvaluationFilter,
): Evaluation[] {
  return evaluations.filter(
    (one) =>
      has(filter.model, modelOf(one)) &&
      has(filter.dataset, one.dataset?.name) &&
      has(filter.task, (one.params as { task?: string }).task),
  );
}

/** The model that was measured; by its record, since what was asked for may be an alias. */
export const modelOf = (evaluation: Evaluation): string =>
  evaluation.model_version?.model ?? evaluation.model;

/** The values that a filter can have, in order, each once. */
export function valuesOf(
  evaluations: readonly Evaluation[],
  value: (evaluation: Evaluation) => string | null | undefined,
): string[] {
  const found = new Set(evaluations.flatMap((one) => value(one) ?? []));
  return [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}
