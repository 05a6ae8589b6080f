"use client";

import { ArrowDown, ArrowUp, ArrowUpToLine, Ban, Pause, Play } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useHub } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { Button, IconButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Elapsed } from "@/components/ui/ticking";
import { formatFigure, plural, shortId } from "@/format";
import { jobHref } from "@/links";
import { figureOf, type Job } from "./job";
import { withActivity, type Activity } from "./job-activity";
import { JobProgress } from "./job-progress";
import { jobName, typeWords, waitWords } from "./job-words";
import type { JobChanges } from "./use-job-changes";
import { lineOf, useQueue, useQueuePause, type Queue } from "./use-queue";

interface QueueCardProps {
  activities: ReadonlyMap<string, Activity>;
  changes: JobChanges;
  onCancel: (job: Job) => void;
}

/** What runs now, and what runs next in which order. */
export function QueueCard({ activities, changes, onCancel }: QueueCardProps) {
  const running = useHub("/jobs", { params: { query: { state: "RUNNING", limit: 20 } } });
  const queue = useQueue();
  const pause = useQueuePause(queue.queued);
  const now = (running.data?.data ?? [])
    .flatMap((job) => changes.foresee(job) ?? [])
    .filter((job) => job.state === "RUNNING")
    .map((job) => withActivity(job, activities.get(job.id)));
  const queued = (queue.queued ?? []).flatMap((job) => changes.foresee(job) ?? []);
  const waiting = queued.filter((job) => job.state === "QUEUED");
  const loaded = running.data && queue.queued;

  return (
    <Card
      title="Now and next"
      className="mb-6"
      flush
      actions={
        <>
          {pause.paused && <Badge tone="warn">paused</Badge>}
          <Button size="small" busy={pause.busy} onClick={() => void pause.set(!pause.paused)}>
            {pause.paused ? <Play size={15} aria-hidden /> : <Pause size={15} aria-hidden />}
            {pause.paused ? "Resume the queue" : "Pause the queue"}
          </Button>
        </>
      }
    >
      {(running.error ?? queue.error) != null && !loaded && (
        <div className="p-4">
          <ErrorNotice error={running.error ?? queue.error} retry={queue.retry} />
        </div>
      )}
      {!loaded && !running.error && !queue.error && <SkeletonRows rows={2} className="p-4" />}
      {loaded && now.length === 0 && waiting.length === 0 && (
        <EmptyState title="Nothing runs and nothing waits">
          {pause.paused
            ? "The queue is paused: what you send now waits until it is resumed."
            : "What you send now starts at once."}
        </EmptyState>
      )}
      {now.length > 0 && (
        <ul aria-label="Running now">
          {now.map((job) => (
            <RunningRow
              key={job.id}
              job={job}
              activity={activities.get(job.id)}
              busy={changes.isChanging(job.id)}
              onCancel={onCancel}
            />
          ))}
        </ul>
      )}
      <Line name="Next" jobs={lineOf(waiting, "device")} queue={queue} onCancel={onCancel} />
      <Line
        name="Next to move files"
        jobs={lineOf(waiting, "host")}
        queue={queue}
        onCancel={onCancel}
      />
    </Card>
  );
}

interface RunningRowProps {
  job: Job;
  activity: Activity | undefined;
  busy: boolean;
  onCancel: (job: Job) => void;
}

function RunningRow({ job, activity, busy, onCancel }: RunningRowProps) {
  const loss = figureOf(job.metrics, "train_loss");
  return (
    <li className="flex flex-wrap items-center gap-x-6 gap-y-2 border-b border-line px-4 py-3 last:border-b-0">
      <StateBadge state={job.state} />
      <JobName job={job} />
      <div className="w-64 max-w-full">
        <JobProgress job={job} activity={activity} />
      </div>
      <dl className="flex gap-6 text-sm tabular-nums">
        <div className="w-20">
          <dt className="text-xs text-ink-faint">Loss</dt>
          <dd className="font-medium">{formatFigure(loss)}</dd>
        </div>
        <div className="w-24">
          <dt className="text-xs text-ink-faint">Running for</dt>
          <dd className="font-medium">
            <Elapsed from={job.started_at} />
          </dd>
        </div>
      </dl>
      <IconButton
        className="ml-auto"
        label={job.cancel_requested ? "It stops at its next step" : `Cancel ${jobName(job)}`}
        disabled={busy || job.cancel_requested}
        onClick={() => onCancel(job)}
      >
        <Ban size={16} aria-hidden />
      </IconButton>
    </li>
  );
}

/** `note` is below the name where there is no room beside it. */
function JobName({ job, note }: { job: Job; note?: string }) {
  return (
    <div className="min-w-0 flex-1 basis-48">
      <Link href={jobHref(job.id)} className="block truncate text-sm font-medium hover:underline">
        {jobName(job)}
      </Link>
      <p className="truncate text-xs text-ink-faint">
        {typeWords[job.type]} · <span className="font-mono">{shortId(job.id)}</span>
      </p>
      {note && <p className="text-xs text-ink-soft sm:hidden">{note}</p>}
    </div>
  );
}

interface LineProps {
  name: string;
  /** In the order in which they will run. */
  jobs: Job[];
  queue: Queue;
  onCancel: (job: Job) => void;
}

/** The jobs that wait for the same turn, with buttons that change their order. */
function Line({ name, jobs, queue, onCancel }: LineProps) {
  const list = useRef<HTMLOListElement>(null);
  const [moved, setMoved] = useState<{ id: string; button: string; words: string } | null>(null);

  // A row that moves in the document loses the focus; whoever moves it by keyboard wants to go on.
  useEffect(() => {
    if (!moved) return;
    const buttons = list.current?.querySelectorAll<HTMLButtonElement>(
      `[data-job="${moved.id}"] button:not(:disabled)`,
    );
    const all = [...(buttons ?? [])];
    (all.find((button) => button.dataset.move === moved.button) ?? all[0])?.focus();
  }, [moved]);

  if (jobs.length === 0) return null;
  const move = (job: Job, place: number, button: string): void => {
    if (queue.moving) return;
    setMoved({ id: job.id, button, words: `${jobName(job)}: ${place + 1} of ${jobs.length}` });
    void queue.move(job, place).then((worked) => {
      if (!worked) setMoved(null);
    });
  };
  return (
    <section aria-label={name}>
      <p className="border-b border-line bg-sunken/50 px-4 py-1.5 text-xs text-ink-faint">
        {name} · {plural(jobs.length, "job")} in the order of their turns
      </p>
      <p aria-live="polite" className="sr-only">
        {moved?.words}
      </p>
      <ol ref={list}>
        {jobs.map((job, at) => (
          <li
            key={job.id}
            data-job={job.id}
            className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2 last:border-b-0"
          >
            <span className="w-6 text-right text-sm text-ink-faint tabular-nums">{at + 1}</span>
            <JobName job={job} note={waitWords(job)} />
            <p className="hidden min-w-0 flex-1 basis-56 text-xs text-ink-soft sm:block">
              {waitWords(job)}
            </p>
            <div className="ml-auto flex">
              <IconButton
                label={`Run ${jobName(job)} first`}
                data-move="first"
                disabled={at === 0}
                onClick={() => move(job, 0, "first")}
              >
                <ArrowUpToLine size={16} aria-hidden />
              </IconButton>
              <IconButton
                label={`Move ${jobName(job)} up`}
                data-move="up"
                disabled={at === 0}
                onClick={() => move(job, at - 1, "up")}
              >
                <ArrowUp size={16} aria-hidden />
              </IconButton>
              <IconButton
                label={`Move ${jobName(job)} down`}
                data-move="down"
                disabled={at === jobs.length - 1}
                onClick={() => move(job, at + 1, "down")}
              >
                <ArrowDown size={16} aria-hidden />
              </IconButton>
              <IconButton label={`Cancel ${jobName(job)}`} onClick={() => onCancel(job)}>
                <Ban size={16} aria-hidden />
              </IconButton>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
