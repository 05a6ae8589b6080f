"use client";

import { Ban, Trash2 } from "lucide-react";
import { StateBadge } from "@/components/ui/badge";
import { IconButton } from "@/components/ui/button";
import { Link } from "@/components/ui/link";
import { Table, Td, Th } from "@/components/ui/table";
import { Age, Elapsed } from "@/components/ui/ticking";
import { formatFigure, formatNumber, shortId } from "@/format";
import { jobHref } from "@/links";
import { figureOf, hasEnded, type Job } from "./job";
import type { Activity } from "./job-activity";
import { JobProgress } from "./job-progress";
import type { Leaving } from "./leave-dialog";
import { jobName, typeWords, waitWords } from "./job-words";

interface JobsTableProps {
  jobs: Job[];
  activities: ReadonlyMap<string, Activity>;
  selected: ReadonlySet<string>;
  /** Whether one more may be selected. */
  mayMore: boolean;
  onSelect: (id: string, selected: boolean) => void;
  onLeave: (leaving: Leaving) => void;
  isChanging: (id: string) => boolean;
}

export function JobsTable(props: JobsTableProps) {
  return (
    <Table label="Jobs">
      <thead>
        <tr>
          <Th className="w-0 pr-0">
            <span className="sr-only">Compare</span>
          </Th>
          <Th>Job</Th>
          <Th className="hidden sm:table-cell">State</Th>
          <Th className="w-56">Progress</Th>
          <Th numeric>Loss</Th>
          <Th numeric>Took</Th>
          <Th numeric>Sent</Th>
          <Th className="w-0">
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {props.jobs.map((job) => (
          <JobRow key={job.id} job={job} {...props} />
        ))}
      </tbody>
    </Table>
  );
}

function JobRow({ job, ...props }: { job: Job } & JobsTableProps) {
  const name = jobName(job);
  const loss = figureOf(job.metrics, "train_loss") ?? figureOf(job.details, "loss");
  return (
    <tr className="hover:bg-sunken/50">
      <Td className="pr-0">
        <input
          type="checkbox"
          aria-label={`Compare ${name}, ${shortId(job.id)}`}
          className="size-4 accent-accent"
          checked={props.selected.has(job.id)}
          disabled={job.type !== "finetune" || (!props.mayMore && !props.selected.has(job.id))}
          title={job.type === "finetune" ? undefined : "Only trainings have curves to compare"}
          onChange={(event) => props.onSelect(job.id, event.target.checked)}
        />
      </Td>
      <Td className="max-w-56 sm:max-w-80">
        <Link href={jobHref(job.id)} className="block truncate font-medium hover:underline">
          {name}
        </Link>
        <p className="truncate text-xs text-ink-faint">
          {typeWords[job.type]}
          {name !== job.model && ` of ${job.model}`} ·{" "}
          <span className="font-mono">{shortId(job.id)}</span>
        </p>
        <p className="mt-1 sm:hidden">
          <StateBadge state={job.state} />
        </p>
      </Td>
      <Td className="hidden sm:table-cell">
        <StateBadge state={job.state} />
      </Td>
      <Td>
        <StateNote job={job} activity={props.activities.get(job.id)} />
      </Td>
      <Td numeric>{formatFigure(loss)}</Td>
      <Td numeric>
        <Elapsed from={job.started_at} to={job.ended_at} />
      </Td>
      <Td numeric className="text-ink-soft">
        <Age time={job.created_at} />
      </Td>
      <Td className="pl-0">
        {hasEnded(job) ? (
          <IconButton
            label={`Delete job ${shortId(job.id)}`}
            disabled={props.isChanging(job.id)}
            onClick={() => props.onLeave({ job, how: "delete" })}
          >
            <Trash2 size={16} aria-hidden />
          </IconButton>
        ) : (
          <IconButton
            label={`Cancel job ${shortId(job.id)}`}
            disabled={props.isChanging(job.id) || job.cancel_requested}
            onClick={() => props.onLeave({ job, how: "cancel" })}
          >
            <Ban size={16} aria-hidden />
          </IconButton>
        )}
      </Td>
    </tr>
  );
}

/** What is to be said of a job's state: how far it is, why it waits, why it failed, what it made. */
function StateNote({ job, activity }: { job: Job; activity: Activity | undefined }) {
  const text = "max-w-72 truncate text-xs text-ink-soft";
  switch (job.state) {
    case "RUNNING":
      return job.cancel_requested ? (
        <p className={text}>Stops at its next step</p>
      ) : (
        <JobProgress job={job} activity={activity} />
      );
    case "QUEUED":
      return <p className={text}>{waitWords(job)}</p>;
    case "FAILED":
      return (
        <p className="max-w-72 truncate text-xs text-bad" title={job.reason ?? undefined}>
          {job.reason}
        </p>
      );
    case "COMPLETED":
      return (
        <p className={text}>
          {job.result
            ? `Made ${job.result.model} v${job.result.version}`
            : job.progress.total
              ? `${formatNumber(job.progress.step)} done`
              : ""}
        </p>
      );
    default:
      return <p className={text}>{job.reason}</p>;
  }
}
