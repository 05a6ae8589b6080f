"use client";

import { useMemo } from "react";
import { formatFigure, formatNumber, plural } from "@/format";
import { learningRateCurve, type Schedule } from "./learning-rate-schedule";
import type { Params } from "./settings/setting";

const width = 320;
const height = 64;

export const scheduleOf = (params: Params): Schedule => ({
  kind: params.lr_schedule,
  peak: params.learning_rate,
  end: params.lr_end,
  decayRate: params.lr_decay_rate,
  decaySteps: params.lr_decay_steps,
  warmupSteps: params.warmup_steps,
  warmupInit: params.warmup_init,
});

/** The course of the learning rate over the job's steps. */
export function LearningRatePreview({ params, steps }: { params: Params; steps: number }) {
  const curve = useMemo(() => learningRateCurve(scheduleOf(params), steps), [params, steps]);
  const most = Math.max(...curve.map(({ rate }) => rate));
  const x = (step: number): number => (steps > 1 ? (step / (steps - 1)) * width : 0);
  const y = (rate: number): number => 2 + (1 - (most > 0 ? rate / most : 0)) * (height - 4);
  const line = curve.map(({ step, rate }) => `${x(step).toFixed(1)} ${y(rate).toFixed(1)}`);
  // A single step is a level line.
  if (curve.length === 1) line.push(`${width} ${y(most).toFixed(1)}`);
  const last = curve.at(-1)?.rate ?? 0;
  return (
    <figure className="rounded-lg bg-sunken p-3">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Learning rate over ${plural(steps, "step")}: at most ${formatFigure(most)}, at the end ${formatFigure(last)}`}
        className="h-16 w-full"
      >
        <path
          d={`M${line.join("L")}`}
          fill="none"
          stroke="var(--series-1)"
          strokeWidth="2"
          vectorEffect="non-scaling-stroke"
        />
      </svg>
      <figcaption className="mt-1 flex justify-between gap-3 text-xs text-ink-faint tabular-nums">
        <span>step 1</span>
        <span>
          peak {formatFigure(most)}, last {formatFigure(last)}
        </span>
        <span>step {formatNumber(steps)}</span>
      </figcaption>
    </figure>
  );
}
