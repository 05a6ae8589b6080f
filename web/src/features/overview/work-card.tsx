"use client";

import Link from "next/link";
import { useHub, type Schemas } from "@/api/client";
import { LineChart } from "@/components/charts/line-chart";
import { StateBadge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { Card, Stat } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { EmptyState, Skeleton } from "@/components/ui/states";
import { formatAge, formatDuration, formatFigure, formatNumber, plural } from "@/format";
import { formatRate } from "@/features/engines/rate-words";
import { jobTitle } from "./job-title";
import { useLiveJob } from "./use-live-job";

type Job = Schemas["Job"];

/** What the hub works on: the running job with its loss as it comes, and who waits. */
export function WorkCard({ queued }: { queued: number | undefined }) {
  const running = useHub("/jobs", { params: { query: { state: "RUNNING" } } });
  const latest = useHub("/jobs", { params: { query: { limit: 50 } } });
  const jobs = running.data?.data;
  const [first, ...others] = [...(jobs ?? [])].sort(trainingFirst);
  return (
    <Card
      title={first ? "Running job" : "Jobs"}
      className="min-h-72"
      actions={
        <>
          <span className="px-2 text-xs text-ink-faint tabular-nums">
            {queued != null && `${formatNumber(queued)} queued`}
          </span>
          <LinkButton href="/jobs/" prefetch={false} look="quiet" size="small">
            All jobs
          </LinkButton>
        </>
      }
    >
      {!jobs && <Skeleton className="h-80" />}
      {first && <RunningJob key={first.id} job={first} />}
      {others.map((job) => (
        <OtherJob key={job.id} job={job} />
      ))}
      {jobs && !first && <Idle last={latest.data?.data.find((job) => job.ended_at)} />}
    </Card>
  );
}

const trainingFirst = (a: Job, b: Job): number =>
  Number(b.type === "finetune") - Number(a.type === "finetune");

const jobHref = (job: Job): string => `/jobs/view/?id=${encodeURIComponent(job.id)}`;

function RunningJob({ job }: { job: Job }) {
  const live = useLiveJob(job);
  const { loss, metrics } = live;
  return (
    <>
      <JobHead job={job} />
      <div className="mt-3 flex items-center gap-3 text-xs text-ink-soft tabular-nums">
        <Progress label={jobTitle(job)} share={live.share} className="flex-1" />
        <span className="min-w-28 text-right">{steps(live.step, live.total)}</span>
        <span className="min-w-24 text-right">
          {live.etaSeconds == null ? "" : `${formatDuration(live.etaSeconds)} left`}
        </span>
      </div>
      {job.type === "finetune" && (
        <>
          <dl className="mt-4 mb-4 grid grid-cols-2 gap-4 sm:grid-cols-4">
            <Stat label="Training loss" value={formatFigure(figure(metrics.train_loss))} />
            <Stat label="Evaluation loss" value={formatFigure(figure(metrics.eval_loss))} />
            <Stat label="Tokens a second" value={formatRate(figure(metrics.tokens_per_second))} />
            <Stat label="Learning rate" value={formatFigure(figure(metrics.learning_rate))} />
          </dl>
          <LineChart
            label="Loss"
            xLabel="step"
            height={190}
            format={formatFigure}
            series={[
              { label: "training", color: 1, ...loss.train },
              ...(loss.evaluated.x.length > 0
                ? [{ label: "evaluation", color: 2, dashed: true, ...loss.evaluated }]
                : []),
            ]}
          />
        </>
      )}
    </>
  );
}

function OtherJob({ job }: { job: Job }) {
  const { share, step, total } = useLiveJob(job);
  return (
    <div className="mt-4 border-t border-line pt-4">
      <JobHead job={job} />
      <div className="mt-2 flex items-center gap-3 text-xs text-ink-soft tabular-nums">
        <Progress label={jobTitle(job)} share={share} className="flex-1" />
        <span className="min-w-28 text-right">{steps(step, total)}</span>
      </div>
    </div>
  );
}

function JobHead({ job }: { job: Job }) {
  return (
    <p className="flex min-w-0 items-center gap-2">
      <Link
        href={jobHref(job)}
        prefetch={false}
        className="min-w-0 truncate font-medium hover:underline"
      >
        {jobTitle(job)}
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
        <LinkButton href="/train/" prefetch={false} look="primary">
          Train a model
        </LinkButton>
      }
    >
      {last && (
        <p>
          Last:{" "}
          <Link href={jobHref(last)} prefetch={false} className="underline">
            {jobTitle(last)}
          </Link>
          , {last.state.toLowerCase()} {formatAge(last.ended_at)}
        </p>
      )}
    </EmptyState>
  );
}

const steps = (step: number, total: number | null): string =>
  total == null ? plural(step, "step") : `${formatNumber(step)} of ${formatNumber(total)}`;

const figure = (value: unknown): number | null => (typeof value === "number" ? value : null);
