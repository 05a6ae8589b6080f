import type { Points } from "@/components/charts/downsample";

/** A report as the API lists it or an event carries it: figures of one step, measured at one time. */
export interface MetricReport {
  step?: number | null;
  time: string;
  [name: string]: unknown;
}

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
  private readonly columns = new Map<string, Column>();
  private readonly taken = new Map<string, Points>();

  add(report: MetricReport): void {
    const { step } = report;
    if (typeof step !== "number") return;
    const measured = Date.parse(report.time);
    for (const [name, value] of Object.entries(report)) {
      if (name === "step" || typeof value !== "number" || !Number.isFinite(value)) continue;
      if (this.put(name, step, value, measured)) this.taken.delete(name);
    }
  }

  get names(): string[] {
    return [...this.columns.keys()];
  }

  /** The figure's course. The same object until a value of it changes. */
  points(name: string): Points {
    const known = this.taken.get(name);
    if (known) return known;
    const column = this.columns.get(name);
    const points = { x: column?.x.slice() ?? [], y: column?.y.slice() ?? [] };
    this.taken.set(name, points);
    return points;
  }

  /** Whether something changed. */
  private put(name: string, step: number, value: number, measured: number): boolean {
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
