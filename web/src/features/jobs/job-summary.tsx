"use client";

import { Badge, StateBadge } from "@/components/ui/badge";
import { Card, Stat } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { Elapsed } from "@/components/ui/ticking";
import { formatBytes, formatFigure, formatNumber, shortId } from "@/format";
import { jobHref, modelHref } from "@/links";
import { figureOf, hasEnded, laneOf, type Job } from "./job";
import type { Activity } from "./job-activity";
import { JobProgress } from "./job-progress";
import { waitWords } from "./job-words";

interface JobSummaryProps {
  job: Job;
  activity: Activity | undefined;
}

/** How a job is: state, progress, the figures that matter, what came of it. */
export function JobSummary({ job, activity }: JobSummaryProps) {
  return (
    <Card className="mb-6">
      <div className="flex min-h-9 flex-wrap items-center gap-x-4 gap-y-2">
        <StateBadge state={job.state} />
        {activity?.resting && <Badge tone="warn">rests: too hot</Badge>}
        {job.attempt > 1 && <Badge>attempt {job.attempt}</Badge>}
        <div className="min-w-0 flex-1 text-sm text-ink-soft" aria-live="polite">
          <StateLine job={job} />
        </div>
      </div>
      {job.state === "RUNNING" && (
        <div className="mt-3">
          <JobProgress job={job} activity={activity} />
        </div>
      )}
      <dl className="mt-4 grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3 xl:grid-cols-6">
        <Figures job={job} activity={activity} />
      </dl>
    </Card>
  );
}

function StateLine({ job }: { job: Job }) {
  if (job.state === "QUEUED") return <p>{waitWords(job)}</p>;
  if (job.state === "RUNNING") {
    return job.cancel_requested ? <p>Asked to stop; it does after its current step.</p> : null;
  }
  if (job.result) {
    return (
      <p>
        Made{" "}
        <Link
          href={modelHref(job.result.model)}
          className="font-medium text-accent hover:underline"
        >
          {job.result.model} v{job.result.version}
        </Link>
        {job.reproduces && <Reproduces id={job.reproduces} />}
      </p>
    );
  }
  if (job.state === "CANCELLED") return <p>{job.reason ?? "Cancelled"}</p>;
  return job.reproduces ? (
    <p>
      <Reproduces id={job.reproduces} />
    </p>
  ) : null;
}

function Reproduces({ id }: { id: string }) {
  return (
    <>
      {" "}
      · does{" "}
      <Link href={jobHref(id)} className="text-accent hover:underline">
        {shortId(id)}
      </Link>{" "}
      again
    </>
  );
}

function Figures({ job, activity }: { job: Job; activity: Activity | undefined }) {
  const took = (
    <Stat
      label={hasEnded(job) ? "Took" : "Running for"}
      value={<Elapsed from={job.started_at} to={job.ended_at} />}
      note={job.timeout_seconds ? `of at most ${formatNumber(job.timeout_seconds)} s` : undefined}
    />
  );
  const memory = (
    <Stat
      label="Peak memory"
      value={formatBytes(job.memory.peak_bytes)}
      note={`${formatBytes(job.memory.estimated_bytes)} estimated`}
    />
  );
  const { step, total } = job.progress;
  if (laneOf(job) === "host") {
    return (
      <>
        <Stat
          label="Moved"
          value={formatBytes(step)}
          note={total ? `of ${formatBytes(total)}` : undefined}
        />
        <Stat
          label="Speed"
          value={
            activity?.bytesPerSecond == null ? "–" : `${formatBytes(activity.bytesPerSecond)}/s`
          }
        />
        {took}
      </>
    );
  }
  if (job.type !== "finetune") {
    return (
      <>
        <Stat
          label="Progress"
          value={formatNumber(step)}
          note={total ? `of ${formatNumber(total)}` : undefined}
        />
        {took}
        {memory}
      </>
    );
  }
  const { metrics } = job;
  return (
    <>
      <Stat
        label="Step"
        value={formatNumber(step)}
        note={total ? `of ${formatNumber(total)}` : undefined}
      />
      <Stat label="Training loss" value={formatFigure(figureOf(metrics, "train_loss"))} />
      <Stat label="Validation loss" value={formatFigure(figureOf(metrics, "eval_loss"))} />
      <Stat
        label="Tokens per second"
        value={formatFigure(figureOf(metrics, "tokens_per_second"))}
        note={ranksNote(figureOf(metrics, "ranks"))}
      />
      {memory}
      {took}
    </>
  );
}

const ranksNote = (ranks: number | null): string | undefined =>
  ranks !== null && ranks > 1 ? `of ${ranks} processes together` : undefined;
