import type { Points } from "@/components/charts/downsample";

/** Of a job's report what the chart draws; a report has a training loss, an evaluation's, or both. */
export interface LossReport {
  step?: number | null;
  train_loss?: number | null;
  eval_loss?: number | null;
}

export interface LossPoints {
  train: Points;
  evaluated: Points;
}

/**
 * The two losses over the steps. A step that was reported twice (asked for and then told, or done again after a
 * resume) has its later figure.
 */
export function lossPoints(reports: readonly LossReport[]): LossPoints {
  return {
    train: points(reports, (report) => report.train_loss),
    evaluated: points(reports, (report) => report.eval_loss),
  };
}

function points(
  reports: readonly LossReport[],
  loss: (report: LossReport) => number | null | undefined,
): Points {
  const byStep = new Map<number, number>();
  for (const report of reports) {
    const value = loss(report);
    if (report.step != null && value != null) byStep.set(report.step, value);
  }
  const sorted = [...byStep].sort(([a], [b]) => a - b);
  return { x: sorted.map(([step]) => step), y: sorted.map(([, value]) => value) };
}
