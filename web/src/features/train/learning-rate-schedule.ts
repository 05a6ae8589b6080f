/** What decides the course of the learning rate; as the parameters of that name. */
export interface Schedule {
  kind: string;
  peak: number;
  end: number;
  decayRate: number | null;
  decaySteps: number | null;
  warmupSteps: number;
  warmupInit: number;
}

/** The learning rate of a step, from 0, of so many: core/train/lr_schedule.cpp, after mlx.optimizers.schedulers. */
export function learningRateAt(schedule: Schedule, total: number, step: number): number {
  const { kind, peak, end, decayRate, decaySteps, warmupSteps, warmupInit } = schedule;
  const before = warmupSteps > 0 ? warmupSteps + 1 : 0;
  if (warmupSteps > 0 && step <= warmupSteps) {
    return warmupInit + ((peak - warmupInit) * step) / warmupSteps;
  }
  const since = step - before;
  const over = decaySteps ?? Math.max(1, total - before);
  const done = Math.min(since, over) / over;
  switch (kind) {
    case "linear":
      return peak + (end - peak) * done;
    case "cosine":
      return end + (peak - end) * 0.5 * (1 + Math.cos(Math.PI * done));
    case "exponential_decay":
      return peak * (decayRate ?? 1) ** since;
    case "step_decay":
      return peak * (decayRate ?? 1) ** Math.floor(since / over);
    default:
      return peak;
  }
}

export interface CurvePoint {
  step: number;
  rate: number;
}

/** The course over a job's steps, in at most `most` points, the first and the last among them. */
export function learningRateCurve(schedule: Schedule, total: number, most = 200): CurvePoint[] {
  const last = Math.max(0, total - 1);
  const count = Math.min(most, last + 1);
  return Array.from({ length: count }, (_, index) => {
    const step = count === 1 ? 0 : Math.round((index * last) / (count - 1));
    return { step, rate: learningRateAt(schedule, total, step) };
  });
}
