"use client";

import { memo, useRef, type ReactNode } from "react";
import { lazily } from "@/components/ui/lazily";
import { Skeleton } from "@/components/ui/states";
import type { Points } from "./downsample";
import { useWasNear } from "./was-near";

export interface Series extends Points {
  label: string;
  /** One of the theme's six colours for lines, from 1; more lines begin again. */
  color: number;
  dashed?: boolean;
  /** Drawn thin and pale, as the measured values behind a smoothed line. */
  faint?: boolean;
}

export interface LineChartProps {
  /** What is shown, for the heading and for screen readers. */
  label: string;
  series: Series[];
  /** What the x axis counts: "step". */
  xLabel: string;
  format: (value: number | null) => string;
  logScale?: boolean;
  /** Pixels; reserved from the start, so that nothing moves. */
  height?: number;
  /** Charts with the same group show the same place under the cursor. */
  group?: string;
}

const loadCanvas = () => import("./uplot-canvas");

const Canvas = lazily(
  () => loadCanvas().then((module) => module.UplotCanvas),
  <Skeleton className="h-full" />,
);

/**
 * Lines over steps. A chart is drawn once it comes near the screen, and the code for it is loaded with the first one. Drag, pinch, or Ctrl and the wheel
 * zoom; swiping sideways, or Shift and the wheel, moves; double-click goes back. It is rendered anew only with other
 * properties: of the charts beside one that grows, those with the same `series` object stay as they are.
 */
export const LineChart = memo(function LineChart(props: LineChartProps) {
  const { label, series, height = 240 } = props;
  const place = useRef<HTMLDivElement>(null);
  const points = series.reduce((most, one) => Math.max(most, one.x.length), 0);
  const isSeen = useWasNear(place, points > 0, loadCanvas);
  return (
    <figure className="min-w-0">
      <figcaption className="mb-2 flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <span className="text-sm font-medium">{label}</span>
        <Legend {...props} />
      </figcaption>
      <div ref={place} style={{ height }}>
        {points === 0 ? (
          <Waiting>No figures yet</Waiting>
        ) : isSeen ? (
          <Canvas {...props} height={height} />
        ) : null}
      </div>
    </figure>
  );
});

function Waiting({ children }: { children: ReactNode }) {
  return (
    <div className="flex h-full items-center justify-center rounded-lg bg-sunken text-sm text-ink-faint">
      {children}
    </div>
  );
}

/** The lines' names and last values; also what a screen reader has of the chart. */
function Legend({ series, format }: LineChartProps) {
  return (
    <ul className="flex flex-wrap gap-x-3 gap-y-0.5 text-xs text-ink-soft">
      {series
        .filter((one) => !one.faint)
        .map((one) => (
          <li key={one.label} className="flex items-center gap-1.5">
            <svg width="14" height="4" aria-hidden>
              <line
                x2="14"
                y1="2"
                y2="2"
                stroke={colorVariable(one.color)}
                strokeWidth="3"
                strokeDasharray={one.dashed ? "4 2" : undefined}
              />
            </svg>
            {one.label}
            <span className="font-medium text-ink tabular-nums">{format(lastValue(one))}</span>
          </li>
        ))}
    </ul>
  );
}

const colorVariable = (color: number): string => `var(--series-${((color - 1) % 6) + 1})`;

function lastValue({ y }: Points): number | null {
  for (let index = y.length - 1; index >= 0; index -= 1) {
    const value = y[index];
    if (value != null) return value;
  }
  return null;
}
