"use client";

import { useMemo, useState } from "react";
import { LineChart, type Series } from "@/components/charts/line-chart";
import { Card } from "@/components/ui/card";
import { ErrorNotice } from "@/components/ui/states";
import { formatBytes, formatFigure } from "@/format";
import { ChartOptions, type ChartLook } from "./chart-options";
import type { Job } from "./job";
import type { FigureName } from "./metric-history";
import { smoothedSeries } from "./smoothed-series";
import type { JobMetrics } from "./use-job-metrics";

export default function ChartsTab({ job, metrics }: { job: Job; metrics: JobMetrics }) {
  const [look, setLook] = useState<ChartLook>({ smoothing: 0, logScale: false });
  const preferences = metrics.points("reward_margin").x.length > 0;
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
        <MemoryCard metrics={metrics} estimate={job.memory.estimated_bytes} />
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
      label="Training and validation loss"
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

interface MemoryCardProps {
  metrics: JobMetrics;
  /** What was set aside for the job. */
  estimate: number | null;
}

function MemoryCard({ metrics, estimate }: MemoryCardProps) {
  const peak = metrics.points("peak_memory_bytes");
  const series = useMemo(() => {
    const [first, last] = [peak.x[0], peak.x.at(-1)];
    if (first === undefined || last === undefined) return [];
    const lines: Series[] = [{ label: "Peak", color: 6, ...peak }];
    if (estimate !== null) {
      const ends = { x: [first, last], y: [estimate, estimate] };
      lines.push({ label: "Estimated", color: 2, dashed: true, ...ends });
    }
    return lines;
  }, [peak, estimate]);
  return (
    <Card>
      <LineChart
        label="Memory"
        series={series}
        xLabel="step"
        format={formatBytes}
        height={200}
        group="job"
      />
    </Card>
  );
}

interface FigureCardProps {
  metrics: JobMetrics;
  title: string;
  figure: FigureName;
  color: number;
}

function FigureCard({ metrics, title, figure, color }: FigureCardProps) {
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
        format={formatFigure}
        height={200}
        group="job"
      />
    </Card>
  );
}
