"use client";

import { useHub } from "@/api/client";
import { LineChart } from "@/components/charts/line-chart";
import { StateBadge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { Card, Stat } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { EmptyState, ErrorNotice } from "@/components/ui/states";
import { Age } from "@/components/ui/ticking";
import { formatRate } from "@/features/engines/rate-words";
import { figureOf, type Job } from "@/features/jobs/job";
import { withActivity, type Activity } from "@/features/jobs/job-activity";
import { JobProgress } from "@/features/jobs/job-progress";
import { useJobActivity } from "@/features/jobs/use-job-activity";
import { useJobMetrics } from "@/features/jobs/use-job-metrics";
import { formatFigure, formatNumber } from "@/format";
import { jobHref } from "@/links";
import { FirstSteps } from "./first-steps";
import { longJobTitle } from "./job-title";
import { WorkCardSkeleton, workCardHeight } from "./work-card-skeleton";

/** What the hub works on: the running job with its loss as it comes, and who waits. */
export function WorkCard({ queued }: { queued: number | undefined }) {
  const running = useHub("/jobs", { params: { query: { state: "RUNNING" } } });
  const latest = useHub("/jobs", { params: { query: { limit: 10 } } });
  const jobs = running.data?.data;
  const activities = useJobActivity();
  const isNew = latest.data?.data.length === 0;
  const [first, ...others] = (jobs ?? [])
    .map((job) => withActivity(job, activities.get(job.id)))
    .sort(trainingFirst);
  return (
    <Card
      title={first ? "Running job" : isNew ? "First steps" : "Jobs"}
      className={workCardHeight}
      actions={
        <>
          <span className="px-2 text-xs text-ink-faint tabular-nums">
            {queued != null && `${formatNumber(queued)} queued`}
          </span>
          <LinkButton href="/jobs/" look="quiet" size="small">
            All jobs
          </LinkButton>
        </>
      }
    >
      {!jobs &&
        (running.error ? (
          <ErrorNotice
            error={running.error}
            title="The jobs could not be read"
            retry={() => void running.mutate()}
          />
        ) : (
          <WorkCardSkeleton />
        ))}
      {first && <RunningJob key={first.id} job={first} activity={activities.get(first.id)} />}
      {others.map((job) => (
        <div key={job.id} className="mt-4 border-t border-line pt-4">
          <JobHead job={job} />
          <div className="mt-3">
            <JobProgress job={job} activity={activities.get(job.id)} />
          </div>
        </div>
      ))}
      {jobs &&
        !first &&
        (isNew ? <FirstSteps /> : <Idle last={latest.data?.data.find((job) => job.ended_at)} />)}
    </Card>
  );
}

const trainingFirst = (a: Job, b: Job): number =>
  Number(b.type === "finetune") - Number(a.type === "finetune");

interface RunningJobProps {
  job: Job;
  activity: Activity | undefined;
}

function RunningJob({ job, activity }: RunningJobProps) {
  return (
    <>
      <JobHead job={job} />
      <div className="mt-3">
        <JobProgress job={job} activity={activity} />
      </div>
      {job.type === "finetune" && <Training job={job} />}
    </>
  );
}

function Training({ job }: { job: Job }) {
  const metrics = useJobMetrics(job.id);
  const evaluated = metrics.points("eval_loss");
  const latest = (name: string): number | null => figureOf(job.metrics, name);
  return (
    <>
      <dl className="mt-4 mb-4 grid grid-cols-2 gap-4 sm:grid-cols-4">
        <Stat label="Training loss" value={formatFigure(latest("train_loss"))} />
        <Stat label="Evaluation loss" value={formatFigure(latest("eval_loss"))} />
        <Stat label="Tokens a second" value={formatRate(latest("tokens_per_second"))} />
        <Stat label="Learning rate" value={formatFigure(latest("learning_rate"))} />
      </dl>
      {metrics.error != null && (
        <ErrorNotice
          error={metrics.error}
          title="The losses before now could not be read"
          retry={metrics.retry}
        />
      )}
      <LineChart
        label="Loss"
        xLabel="step"
        height={190}
        format={formatFigure}
        series={[
          { label: "training", color: 1, ...metrics.points("train_loss") },
          ...(evaluated.x.length > 0
            ? [{ label: "evaluation", color: 2, dashed: true, ...evaluated }]
            : []),
        ]}
      />
    </>
  );
}

function JobHead({ job }: { job: Job }) {
  return (
    <p className="flex min-w-0 items-center gap-2">
      <Link href={jobHref(job.id)} className="min-w-0 truncate font-medium hover:underline">
        {longJobTitle(job)}
      </Link>
      <StateBadge state={job.cancel_requested ? "cancelling" : job.state} />
    </p>
  );
}

function Idle({ last }: { last: Job | undefined }) {
  return (
    <EmptyState
      title="Nothing is running"
      action={
        <LinkButton href="/train/" look="primary">
          Train a model
        </LinkButton>
      }
    >
      {last && (
        <>
          <Link href={jobHref(last.id)} className="block truncate underline">
            {longJobTitle(last)}
          </Link>
          {last.state.toLowerCase()} <Age time={last.ended_at} />
        </>
      )}
    </EmptyState>
  );
}
