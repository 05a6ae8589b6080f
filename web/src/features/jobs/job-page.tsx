"use client";

import { useSearchParams } from "next/navigation";
import { useHub } from "@/api/client";
import { StateBadge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { Card, Stat } from "@/components/ui/card";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice } from "@/components/ui/states";
import { Age, Elapsed } from "@/components/ui/ticking";
import { formatBytes, formatFigure } from "@/format";
import { ChartsTab } from "./charts-tab";
import { figureOf } from "./job";
import { withActivity } from "./job-activity";
import { JobProgress } from "./job-progress";
import { JobSkeleton } from "./job-skeleton";
import { jobName, typeWords } from "./job-words";
import { useJobActivity } from "./use-job-activity";
import { useJobMetrics } from "./use-job-metrics";

export function JobPage() {
  const id = useSearchParams().get("id");
  if (!id) {
    return (
      <EmptyState
        title="No job was named"
        action={<LinkButton href="/jobs/">All jobs</LinkButton>}
      />
    );
  }
  return <JobOf key={id} id={id} />;
}

function JobOf({ id }: { id: string }) {
  const { data, error, mutate } = useHub("/jobs/{id}", { params: { path: { id } } });
  const activity = useJobActivity().get(id);
  const metrics = useJobMetrics(id);
  if (!data) {
    if (error) return <ErrorNotice error={error} retry={() => void mutate()} />;
    return <JobSkeleton />;
  }
  const job = withActivity(data, activity);
  return (
    <>
      <PageHeader
        title={jobName(job)}
        lead={
          <>
            {typeWords[job.type]} of {job.model} · sent <Age time={job.created_at} />
          </>
        }
      />
      <Card className="mb-4">
        <div className="mb-4 flex items-center gap-3">
          <StateBadge state={job.state} />
          <div className="flex-1">
            <JobProgress job={job} activity={activity} />
          </div>
        </div>
        <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
          <Stat label="Training loss" value={formatFigure(figureOf(job.metrics, "train_loss"))} />
          <Stat label="Validation loss" value={formatFigure(figureOf(job.metrics, "eval_loss"))} />
          <Stat label="Took" value={<Elapsed from={job.started_at} to={job.ended_at} />} />
          <Stat
            label="Peak memory"
            value={formatBytes(job.memory.peak_bytes)}
            note={`estimated ${formatBytes(job.memory.estimated_bytes)}`}
          />
        </dl>
      </Card>
      <ChartsTab metrics={metrics} />
    </>
  );
}
