import type { Schemas } from "@/api/client";
import { formatDuration, formatFigure, formatNumber, formatPercent } from "@/format";

export type Evaluation = Schemas["Evaluation"];
export type MetricName = keyof Evaluation["metrics"];
export type Task = "loss" | "exact_match" | "multiple_choice";

export interface Metric {
  name: MetricName;
  label: string;
  /** Which way is better; null: it says how much was measured, not how well. */
  better: "lower" | "higher" | null;
  format: (value: number | null | undefined) => string;
}

const share = (value: number | null | undefined): string => formatPercent(value, 1);

/** What the hub measures, in the order in which it is shown. */
export const metrics: readonly Metric[] = [
  { name: "loss", label: "Loss", better: "lower", format: formatFigure },
  { name: "perplexity", label: "Perplexity", better: "lower", format: formatFigure },
  { name: "exact_match", label: "Exact match", better: "higher", format: share },
  { name: "normalized_match", label: "Normalized match", better: "higher", format: share },
  { name: "accuracy", label: "Accuracy", better: "higher", format: share },
  { name: "accuracy_norm", label: "Accuracy per byte", better: "higher", format: share },
  { name: "chance", label: "By guessing", better: null, format: share },
  { name: "rows", label: "Rows", better: null, format: formatNumber },
  { name: "tokens", label: "Tokens", better: null, format: formatNumber },
  { name: "generated_tokens", label: "Generated", better: null, format: formatNumber },
  { name: "seconds", label: "Time", better: null, format: formatDuration },
];

export const tasks: readonly { id: Task; label: string; measures: string }[] = [
  {
    id: "loss",
    label: "Loss",
    measures: "Mean loss over all trained tokens, in nats, and the perplexity. Any rows.",
  },
  {
    id: "exact_match",
    label: "Exact match",
    measures: "Share of rows whose greedy answer is the last assistant turn.",
  },
  {
    id: "multiple_choice",
    label: "Multiple choice",
    measures:
      "Share of rows whose answer is the likeliest choice. Rows with prompt, choices, answer.",
  },
];

export function taskOf(evaluation: Evaluation): Task {
  const { task } = evaluation.params as { task?: unknown };
  return tasks.find(({ id }) => id === task)?.id ?? "loss";
}

/** The figures by which a task is judged. */
export function judgedBy(task: Task): readonly Metric[] {
  const names: Record<Task, MetricName[]> = {
    loss: ["loss", "perplexity"],
    exact_match: ["exact_match", "normalized_match"],
    multiple_choice: ["accuracy", "accuracy_norm"],
  };
  return metrics.filter(({ name }) => names[task].includes(name));
}

/** Whether a difference to another evaluation is for the better; null where there is none or it does not matter. */
export function isBetter({ better }: Metric, difference: number): boolean | null {
  if (better === null || difference === 0) return null;
  return better === "lower" ? difference < 0 : difference > 0;
}

/** "+0.32", "−1.5 %": a difference with its sign, in the metric's own form. */
export function formatDifference(metric: Metric, difference: number): string {
  if (difference === 0) return "±0";
  return `${difference > 0 ? "+" : "−"}${metric.format(Math.abs(difference))}`;
}
