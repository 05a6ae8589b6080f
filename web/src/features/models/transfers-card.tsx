"use client";

import Link from "next/link";
import { useState } from "react";
import { useAction } from "@/api/action";
import { api, useHub, type Schemas } from "@/api/client";
import { useEvents } from "@/api/events";
import { StateBadge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { formatBytes, formatDuration } from "@/format";
import { jobHref } from "./model-links";
import { hasEnded, transferOfEvent, transferOfJob, transfersOf, type Transfer } from "./transfer";

type Job = Schemas["Job"];

const titles: Record<string, string> = {
  pull: "From the Hugging Face Hub",
  push: "To the Hugging Face Hub",
};

/** Pulls and pushes of a model: those under way, and the last ones that failed. Nothing otherwise. */
export function TransfersCard({ model, onPull }: { model: string; onPull: () => void }) {
  const pulls = useHub("/jobs", { params: { query: { type: "pull", limit: 50 } } });
  const pushes = useHub("/jobs", { params: { query: { type: "push", limit: 50 } } });
  const jobs = transfersOf(
    [...(pulls.data?.data ?? []), ...(pushes.data?.data ?? [])],
    model,
  ).filter((job) => job.state !== "COMPLETED");
  if (jobs.length === 0) return null;
  return (
    <div className="mb-6 space-y-4">
      {jobs.map((job) =>
        hasEnded(job) ? (
          <EndedTransfer key={job.id} job={job} onPull={onPull} />
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

function EndedTransfer({ job, onPull }: { job: Job; onPull: () => void }) {
  return (
    <Card
      title={titles[job.type]}
      actions={
        <>
          <JobLink job={job} />
          {job.type === "pull" && (
            <Button size="small" onClick={onPull}>
              Go on
            </Button>
          )}
        </>
      }
    >
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2 text-sm">
        <StateBadge state={job.state} />
        <p className="min-w-0 flex-1 break-words text-ink-soft">
          {job.state === "CANCELLED" ? "Cancelled." : (job.reason ?? "It failed.")}{" "}
          {job.type === "pull" && "What arrived is kept; a new pull goes on from there."}
        </p>
      </div>
    </Card>
  );
}

function JobLink({ job }: { job: Job }) {
  return (
    <Link
      href={jobHref(job.id)}
      prefetch={false}
      className="px-2 text-sm text-accent-strong underline underline-offset-2"
    >
      Job
    </Link>
  );
}
