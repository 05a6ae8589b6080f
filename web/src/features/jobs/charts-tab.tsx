"use client";

import { useMemo, useState } from "react";
import { smooth, type Points } from "@/components/charts/downsample";
import { LineChart, type Series } from "@/components/charts/line-chart";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorNotice } from "@/components/ui/states";
import { formatBytes, formatFigure } from "@/format";
import { ChartOptions, type ChartLook } from "./chart-options";
import type { Job } from "./job";
import type { JobMetrics } from "./use-job-metrics";

/** A line, and where it is smoothed what was measured behind it. */
export function smoothedSeries(
  line: Pick<Series, "label" | "color" | "dashed">,
  points: Points,
  smoothing: number,
): Series[] {
  if (points.x.length === 0) return [];
  if (smoothing === 0) return [{ ...line, ...points }];
  return [
    { ...line, label: `${line.label} as measured`, ...points, faint: true },
    { ...line, x: points.x, y: smooth(points.y, smoothing) },
  ];
}

interface ChartsTabProps {
  job: Job;
  metrics: JobMetrics;
}

export function ChartsTab({ job, metrics }: ChartsTabProps) {
  const [look, setLook] = useState<ChartLook>({ smoothing: 0, logScale: false });
  if (job.type !== "finetune") {
    return (
      <Card>
        <EmptyState title="Nothing to draw">
          Only trainings report figures step by step. What came of this job is in the other tabs.
        </EmptyState>
      </Card>
    );
  }
  const preferences = metrics.names.some((name) => name.includes("reward_"));
  return (
    <div className="space-y-4">
      {metrics.error != null && (
        <ErrorNotice
          title="The metrics could not be loaded"
          error={metrics.error}
          retry={metrics.retry}
        />
      )}
      <Card title="Loss" actions={<ChartOptions look={look} onChange={setLook} />}>
        <LossChart metrics={metrics} look={look} />
      </Card>
      <div className="grid gap-4 lg:grid-cols-2">
        {preferences && <RewardCards metrics={metrics} look={look} />}
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

interface LossChartProps {
  metrics: JobMetrics;
  look: ChartLook;
}

function LossChart({ metrics, look }: LossChartProps) {
  const train = metrics.points("train_loss");
  const held = metrics.points("eval_loss");
  const series = useMemo(
    () => [
      ...smoothedSeries({ label: "Training", color: 1 }, train, look.smoothing),
      // A few points, each a mean over all held-out rows: nothing to smooth.
      ...smoothedSeries({ label: "Validation", color: 2 }, held, 0),
    ],
    [train, held, look.smoothing],
  );
  return (
    <LineChart
      label="Over the steps"
      series={series}
      xLabel="step"
      format={formatFigure}
      logScale={look.logScale}
      height={320}
      group="job"
    />
  );
}

/** Of dpo and orpo: how the rewards of chosen and rejected answers part. */
function RewardCards({ metrics, look }: LossChartProps) {
  const chosen = metrics.points("reward_chosen");
  const rejected = metrics.points("reward_rejected");
  const accuracy = metrics.points("reward_accuracy");
  const heldAccuracy = metrics.points("eval_reward_accuracy");
  const rewards = useMemo(
    () => [
      ...smoothedSeries({ label: "Chosen", color: 3 }, chosen, look.smoothing),
      ...smoothedSeries({ label: "Rejected", color: 2 }, rejected, look.smoothing),
    ],
    [chosen, rejected, look.smoothing],
  );
  const accuracies = useMemo(
    () => [
      ...smoothedSeries({ label: "Training", color: 1 }, accuracy, look.smoothing),
      ...smoothedSeries({ label: "Validation", color: 2 }, heldAccuracy, 0),
    ],
    [accuracy, heldAccuracy, look.smoothing],
  );
  return (
    <>
      <Card>
        <LineChart
          label="Rewards"
          series={rewards}
          xLabel="step"
          format={formatFigure}
          height={200}
          group="job"
        />
      </Card>
      <Card>
        <LineChart
          label="Pairs whose chosen answer is preferred"
          series={accuracies}
          xLabel="step"
          format={formatFigure}
          height={200}
          group="job"
        />
      </Card>
      <FigureCard metrics={metrics} title="Reward margin" figure="reward_margin" color={5} />
    </>
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
    () => smoothedSeries({ label: title, color }, points, 0),
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
