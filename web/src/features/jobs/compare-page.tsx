"use client";

import { useSearchParams } from "next/navigation";
import { useMemo, useState } from "react";
import useSWR from "swr";
import { api } from "@/api/client";
import { LineChart, type Series } from "@/components/charts/line-chart";
import { LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Later } from "@/components/ui/later";
import { Link } from "@/components/ui/link";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice } from "@/components/ui/states";
import { formatBytes, formatFigure, plural, shortId } from "@/format";
import { ChartOptions, type ChartLook } from "./chart-options";
import { CompareTables } from "./compare-tables";
import type { Job } from "./job";
import { withActivity } from "./job-activity";
import { JobSkeleton } from "./job-skeleton";
import { jobName } from "./job-words";
import type { FigureName } from "./metric-history";
import { smoothedSeries } from "./smoothed-series";
import { useJobActivity } from "./use-job-activity";
import { useMetricsOf, type JobMetrics } from "./use-job-metrics";

async function loadJobs(ids: string): Promise<Job[]> {
  const answers = await Promise.all(
    ids.split(",").map((id) => api.GET("/jobs/{id}", { params: { path: { id } } })),
  );
  return answers.flatMap(({ data }) => data ?? []);
}

export function ComparePage() {
  const ids = useSearchParams().get("ids") ?? "";
  if (ids === "") {
    return (
      <>
        <PageHeader title="Compare trainings" />
        <EmptyState
          title="Nothing to compare"
          action={<LinkButton href="/jobs/">All jobs</LinkButton>}
        >
          Choose two or more trainings in the list of jobs.
        </EmptyState>
      </>
    );
  }
  return <Comparison key={ids} ids={ids} />;
}

function Comparison({ ids }: { ids: string }) {
  // Below /jobs, so events refresh it.
  const { data, error, mutate } = useSWR<Job[], unknown>(["compare", "/jobs/{id}", ids], () =>
    loadJobs(ids),
  );
  const activities = useJobActivity();
  const list = useMemo(() => ids.split(",").filter(Boolean), [ids]);
  const metrics = useMetricsOf(list);
  const [look, setLook] = useState<ChartLook>({ smoothing: 0, logScale: false });

  if (!data) {
    if (error == null) return <JobSkeleton />;
    return (
      <>
        <PageHeader title="Compare trainings" />
        <ErrorNotice
          title="These jobs cannot be compared"
          error={error}
          retry={() => void mutate()}
        />
      </>
    );
  }
  const jobs = data.map((job) => withActivity(job, activities.get(job.id)));
  const names = runNames(jobs);
  const failed = metrics.find((each) => each.error != null);
  return (
    <>
      <nav aria-label="Where you are" className="mb-2 text-sm text-ink-faint">
        <Link href="/jobs/" className="hover:text-ink hover:underline">
          Jobs
        </Link>{" "}
        / compare
      </nav>
      <PageHeader
        title={`${plural(jobs.length, "training")} compared`}
        actions={<ChartOptions look={look} onChange={setLook} />}
      />
      <div className="space-y-4">
        {failed && (
          <ErrorNotice
            title="The metrics could not be loaded"
            error={failed.error}
            retry={failed.retry}
          />
        )}
        <RunsChart
          title="Training loss"
          figure="train_loss"
          height={320}
          {...{ names, metrics, look }}
        />
        <RunsChart title="Validation loss" figure="eval_loss" {...{ names, metrics, look }} />
        <Later height={1600}>
          <CompareTables jobs={jobs} names={names} />
          <div className="grid gap-4 lg:grid-cols-2">
            <RunsChart title="Learning rate" figure="learning_rate" {...{ names, metrics }} />
            <RunsChart
              title="Tokens per second"
              figure="tokens_per_second"
              {...{ names, metrics }}
            />
            <RunsChart title="Gradient norm" figure="grad_norm" {...{ names, metrics }} />
            <RunsChart
              title="Peak memory"
              figure="peak_memory_bytes"
              format={formatBytes}
              {...{ names, metrics }}
            />
          </div>
        </Later>
      </div>
    </>
  );
}

/** What each run is called; runs of the same name are told apart by their ids. */
function runNames(jobs: readonly Job[]): string[] {
  const names = jobs.map(jobName);
  return names.map((name, at) =>
    names.indexOf(name) === names.lastIndexOf(name)
      ? name
      : `${name} ${shortId(jobs[at]?.id ?? "")}`,
  );
}

interface RunsChartProps {
  title: string;
  figure: FigureName;
  names: string[];
  metrics: JobMetrics[];
  look?: ChartLook;
  format?: (value: number | null) => string;
  height?: number;
}

const asMeasured: ChartLook = { smoothing: 0, logScale: false };

/** The same list as before while it has the same members: what hangs on it is then not made anew. */
function useSameList<T>(list: readonly T[]): readonly T[] {
  const [kept, setKept] = useState(list);
  const isSame = kept.length === list.length && kept.every((member, at) => member === list[at]);
  if (isSame) return kept;
  setKept(list);
  return list;
}

/** One figure of all runs, over each other. */
function RunsChart(props: RunsChartProps) {
  const { title, figure, names, metrics, look = asMeasured, format = formatFigure } = props;
  const labels = useSameList(names);
  const courses = useSameList(metrics.map((run) => run.points(figure)));
  const series = useMemo(
    (): Series[] =>
      courses.flatMap((points, at) =>
        smoothedSeries(
          // There are six colours; a second round of them is dashed.
          { label: labels[at] ?? "", color: at + 1, dashed: at >= 6 },
          points,
          look.smoothing,
        ),
      ),
    [courses, labels, look.smoothing],
  );
  return (
    <Card>
      <LineChart
        label={title}
        series={series}
        xLabel="step"
        format={format}
        logScale={look.logScale}
        height={props.height ?? 220}
        group="compare"
      />
    </Card>
  );
}
