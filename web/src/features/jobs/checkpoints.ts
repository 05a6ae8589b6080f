import type { HubEvent } from "@/api/event-feed";
import type { Points } from "@/components/charts/downsample";
import { figureOf } from "./job";

export interface Checkpoint {
  step: number;
  time: string;
  /** That writing it took. */
  seconds: number | null;
  /** The validation loss at its step, where it was measured. */
  evalLoss: number | null;
  /** Whether its numbered file is still there. */
  kept: boolean;
  /** From which the job would go on. */
  last: boolean;
}

/** The checkpoints that a job wrote, newest step first. `keep`: how many numbered files stay; null: all. */
export function checkpointsOf(
  events: readonly HubEvent[],
  evalLoss: Points,
  keep: number | null,
): Checkpoint[] {
  const written = new Map<number, HubEvent>();
  for (const event of events) {
    if (event.type !== "job.checkpoint") continue;
    const step = figureOf(event.data, "step");
    if (step === null) continue;
    // A resumed job writes some of them again.
    if ((written.get(step)?.seq ?? 0) < event.seq) written.set(step, event);
  }
  const newest = [...written.values()].reduce((seq, event) => Math.max(seq, event.seq), 0);
  const losses = new Map(evalLoss.x.map((step, at) => [step, evalLoss.y[at] ?? null]));
  return [...written]
    .sort(([a], [b]) => b - a)
    .map(([step, event], at) => ({
      step,
      time: event.time,
      seconds: figureOf(event.data, "seconds"),
      evalLoss: losses.get(step) ?? null,
      kept: keep === null || at < keep,
      last: event.seq === newest,
    }));
}
