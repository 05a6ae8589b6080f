"use client";

import { useMemo, useState } from "react";
import { smooth, type Points } from "@/components/charts/downsample";
import { LineChart, type Series } from "@/components/charts/line-chart";
import { Card } from "@/components/ui/card";
import { Checkbox } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { formatBytes, formatFigure } from "@/format";
import type { JobMetrics } from "./use-job-metrics";

interface ChartsTabProps {
  metrics: JobMetrics;
}

/** A line, and where it is smoothed what was measured behind it. */
export function smoothedSeries(
  line: Pick<Series, "label" | "color" | "dashed">,
  points: Points,
  weight: number,
): Series[] {
  if (points.x.length === 0) return [];
  if (weight === 0) return [{ ...line, ...points }];
  return [
    { ...line, label: `${line.label} as measured`, ...points, faint: true },
    { ...line, x: points.x, y: smooth(points.y, weight) },
  ];
}

export function ChartsTab({ metrics }: ChartsTabProps) {
  const [weight, setWeight] = useState(0);
  const [logScale, setLogScale] = useState(false);
  const loss = useMemo(
    () => [
      ...smoothedSeries({ label: "Training loss", color: 1 }, metrics.points("train_loss"), weight),
      ...smoothedSeries({ label: "Validation loss", color: 2 }, metrics.points("eval_loss"), 0),
    ],
    [metrics, weight],
  );
  return (
    <div className="space-y-4">
      <ErrorNotice
        title="The metrics could not be loaded"
        error={metrics.error}
        retry={metrics.retry}
      />
      <Card
        title="Loss"
        actions={
          <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
            <label className="flex items-center gap-2 text-xs text-ink-soft">
              Smoothing
              <input
                type="range"
                min={0}
                max={0.99}
                step={0.01}
                value={weight}
                aria-valuetext={weight === 0 ? "none" : weight.toFixed(2)}
                className="w-28 accent-accent"
                onChange={(event) => setWeight(Number(event.target.value))}
              />
              <output className="w-8 tabular-nums">
                {weight === 0 ? "off" : weight.toFixed(2)}
              </output>
            </label>
            <Checkbox
              label="Log scale"
              checked={logScale}
              onChange={(event) => setLogScale(event.target.checked)}
            />
          </div>
        }
      >
        <LineChart
          label="Loss over steps"
          series={loss}
          xLabel="step"
          format={formatFigure}
          logScale={logScale}
          height={320}
          group="job"
        />
      </Card>
      <div className="grid gap-4 lg:grid-cols-2">
        <FigureCard metrics={metrics} title="Learning rate" figure="learning_rate" color={3} />
        <FigureCard
          metrics={metrics}
          title="Tokens per second"
          figure="tokens_per_second"
          color={4}
        />
        <FigureCard metrics={metrics} title="Gradient norm" figure="grad_norm" color={5} />
        <FigureCard
          metrics={metrics}
          title="Peak memory"
          figure="peak_memory_bytes"
          color={6}
          format={formatBytes}
        />
      </div>
    </div>
  );
}

interface FigureCardProps {
  metrics: JobMetrics;
  title: string;
  figure: string;
  color: number;
  format?: (value: number | null) => string;
}

function FigureCard({ metrics, title, figure, color, format = formatFigure }: FigureCardProps) {
  const points = metrics.points(figure);
  const series = useMemo(
    () => (points.x.length > 0 ? [{ label: title, color, ...points }] : []),
    [points, title, color],
  );
  return (
    <Card>
      <LineChart
        label={title}
        series={series}
        xLabel="step"
        format={format}
        height={200}
        group="job"
      />
    </Card>
  );
}
