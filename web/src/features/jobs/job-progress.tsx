"use client";

import { Progress } from "@/components/ui/progress";
import { Remaining } from "@/components/ui/ticking";
import { formatBytes, formatNumber } from "@/format";
import { laneOf, type Job } from "./job";
import { jobTitle } from "./job-words";
import type { Activity } from "./job-activity";

/** "120 of 400": steps of what computes, bytes of what moves files. */
export function doneWords(job: Job): string {
  const { step, total } = job.progress;
  const format = laneOf(job) === "host" ? formatBytes : formatNumber;
  return total ? `${format(step)} of ${format(total)}` : "starting";
}

interface JobProgressProps {
  job: Job;
  activity: Activity | null | undefined;
}

/** A bar with what is done and what is left, of a running job. */
export function JobProgress({ job, activity }: JobProgressProps) {
  const { percent, total, eta_seconds } = job.progress;
  return (
    <div className="min-w-32">
      <Progress
        label={`Progress of ${jobTitle(job)}`}
        share={total ? percent / 100 : null}
        className="mb-1"
      />
      <p className="flex justify-between gap-3 text-xs whitespace-nowrap text-ink-faint tabular-nums">
        <span>{doneWords(job)}</span>
        {eta_seconds != null && (
          <span>
            <Remaining seconds={eta_seconds} saidAt={activity?.progressAt ?? 0} /> left
          </span>
        )}
      </p>
    </div>
  );
}
