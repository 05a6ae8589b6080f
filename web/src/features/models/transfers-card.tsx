"use client";

import { useState } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { useEvents } from "@/api/events";
import { StateBadge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { Progress } from "@/components/ui/progress";
import { useToasts } from "@/components/ui/toast";
import { formatBytes, formatDuration } from "@/format";
import { jobHref } from "@/links";
import { hasEnded, transferOfEvent, transferOfJob, type Transfer } from "./transfer";

type Job = Schemas["Job"];

const titles: Record<string, string> = {
  pull: "From the Hugging Face Hub",
  push: "To the Hugging Face Hub",
};

interface TransfersCardProps {
  model: Schemas["Model"];
  /** Its newest pull and push. */
  jobs: Job[];
  onPull: () => void;
}

/**
 * Pulls and pushes of a model that are under way, and why its files are not here when the last pull did not end well.
 * Nothing otherwise.
 */
export function TransfersCard({ model, jobs, onPull }: TransfersCardProps) {
  const toasts = useToasts();
  useEvents(({ type, subject, data }) => {
    const job = jobs.find((one) => one.id === subject.id);
    if (!job) return;
    const what = `The ${job.type} of ${model.name}`;
    const reason: unknown = (data as Record<string, unknown>).reason;
    if (type === "job.completed") toasts.say(`${what} is complete`);
    if (type === "job.failed") toasts.fail(`${what} failed`, reason);
  });
  const pending = model.state === "pending";
  const shown = jobs.filter(
    (job) => !hasEnded(job) || (pending && job.type === "pull" && job.state !== "COMPLETED"),
  );
  if (shown.length === 0) return null;
  return (
    <div className="mb-6 space-y-4">
      {shown.map((job) =>
        hasEnded(job) ? (
          <EndedPull key={job.id} job={job} onPull={onPull} />
        ) : (
          <RunningTransfer key={job.id} job={job} />
        ),
      )}
    </div>
  );
}

function RunningTransfer({ job }: { job: Job }) {
  const [told, setTold] = useState<Transfer | null>(null);
  useEvents((event) => {
    const transfer = transferOfEvent(event, job.id);
    if (transfer) setTold(transfer);
  });
  const cancel = useAction(
    async () => {
      await api.POST("/jobs/{id}/cancel", { params: { path: { id: job.id } } });
    },
    { failed: "It could not be cancelled" },
  );
  const now = told ?? transferOfJob(job);
  const stopping = job.cancel_requested || cancel.busy;
  return (
    <Card
      title={titles[job.type]}
      actions={
        <>
          <JobLink job={job} />
          <Button size="small" busy={stopping} onClick={() => void cancel.run()}>
            {stopping ? "Stopping" : "Cancel"}
          </Button>
        </>
      }
    >
      <Progress
        label={titles[job.type] ?? job.type}
        share={now.totalBytes > 0 ? now.doneBytes / now.totalBytes : null}
        className="h-2"
      />
      <p className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-sm text-ink-soft tabular-nums">
        <span className="font-medium text-ink">
          {job.state === "QUEUED" ? queuedWords(job) : amountWords(now)}
        </span>
        {now.filesTotal != null && (
          <span>
            {now.filesDone} of {now.filesTotal} files
          </span>
        )}
        {now.bytesPerSecond != null && <span>{formatBytes(now.bytesPerSecond)}/s</span>}
        {now.etaSeconds != null && <span>{formatDuration(now.etaSeconds)} left</span>}
      </p>
      {job.last_error && (
        <p className="mt-2 text-sm text-warn">The attempt before ended: {job.last_error}</p>
      )}
    </Card>
  );
}

function amountWords(now: Transfer): string {
  return now.totalBytes > 0
    ? `${formatBytes(now.doneBytes)} of ${formatBytes(now.totalBytes)}`
    : "Looking what there is";
}

function queuedWords(job: Job): string {
  if (job.reason === "queue_paused") return "Waits: the queue is paused";
  if (job.reason === "retry_at") return "Waits for its next attempt";
  return "Waits for its turn";
}

function EndedPull({ job, onPull }: { job: Job; onPull: () => void }) {
  return (
    <Card
      title={titles[job.type]}
      actions={
        <>
          <JobLink job={job} />
          <Button size="small" onClick={onPull}>
            Go on
          </Button>
        </>
      }
    >
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2 text-sm">
        <StateBadge state={job.state} />
        <p className="min-w-0 flex-1 break-words text-ink-soft">
          {job.state === "CANCELLED" ? "Cancelled." : (job.reason ?? "It failed.")} What arrived is
          kept; a new pull goes on from there.
        </p>
      </div>
    </Card>
  );
}

function JobLink({ job }: { job: Job }) {
  return (
    <Link
      href={jobHref(job.id)}
      className="px-2 text-sm text-accent-strong underline underline-offset-2"
    >
      Job
    </Link>
  );
}
