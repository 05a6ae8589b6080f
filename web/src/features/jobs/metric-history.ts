import type { Points } from "@/components/charts/downsample";

/** A report as the API lists it or an event carries it: figures of one step, measured at one time. */
export interface MetricReport {
  step?: number | null;
  time: string;
  [name: string]: unknown;
}

/** What is drawn of a report. Those of a long job are many; nothing else of them is kept. */
const figures = [
  "train_loss",
  "eval_loss",
  "learning_rate",
  "tokens_per_second",
  "grad_norm",
  "peak_memory_bytes",
  "reward_chosen",
  "reward_rejected",
  "reward_accuracy",
  "reward_margin",
  "eval_reward_accuracy",
] as const;
export type FigureName = (typeof figures)[number];

const none: Points = { x: [], y: [] };

/** One figure over the steps: ascending steps, their values, and when each was measured. */
interface Column {
  x: number[];
  y: number[];
  measured: number[];
}

/**
 * What a job has measured, by figure and step. Reports may be added in any order and any number of times (pages of
 * history, live events, the same again after a reconnect): a step has one value of a figure, the one measured last.
 * So a job that went back to a checkpoint and repeats steps overwrites them.
 */
export class MetricHistory {
  private readonly columns = new Map<FigureName, Column>();
  private readonly taken = new Map<FigureName, Points>();

  add(report: MetricReport): void {
    const { step } = report;
    if (typeof step !== "number") return;
    const measured = Date.parse(report.time);
    for (const name of figures) {
      const value = report[name];
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      if (this.put(name, step, value, measured)) this.taken.delete(name);
    }
  }

  /** The figure's course. The same object until a value of it changes. */
  points(name: FigureName): Points {
    const known = this.taken.get(name);
    if (known) return known;
    const column = this.columns.get(name);
    const points = column ? { x: column.x.slice(), y: column.y.slice() } : none;
    this.taken.set(name, points);
    return points;
  }

  /** Whether something changed. */
  private put(name: FigureName, step: number, value: number, measured: number): boolean {
    let column = this.columns.get(name);
    if (!column) {
      column = { x: [], y: [], measured: [] };
      this.columns.set(name, column);
    }
    const { x, y } = column;
    const at = positionOf(x, step);
    if (x[at] !== step) {
      x.splice(at, 0, step);
      y.splice(at, 0, value);
      column.measured.splice(at, 0, measured);
      return true;
    }
    if ((column.measured[at] ?? 0) > measured || y[at] === value) return false;
    y[at] = value;
    column.measured[at] = measured;
    return true;
  }
}

/** Where a step is or belongs. Reports come in the order of steps, so the end is looked at first. */
function positionOf(x: readonly number[], step: number): number {
  if (x.length === 0 || step > (x.at(-1) ?? 0)) return x.length;
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
