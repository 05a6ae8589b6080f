"use client";

import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { Age } from "@/components/ui/ticking";
import { formatDuration, formatFigure, formatNumber } from "@/format";
import { checkpointsOf } from "./checkpoints";
import { figureOf, hasEnded, type Job } from "./job";
import type { JobEvents } from "./use-job-events";
import type { JobMetrics } from "./use-job-metrics";

interface CheckpointsTabProps {
  job: Job;
  history: JobEvents;
  metrics: JobMetrics;
}

export default function CheckpointsTab({ job, history, metrics }: CheckpointsTabProps) {
  if (history.error != null) {
    return (
      <ErrorNotice
        title="The checkpoints could not be listed"
        error={history.error}
        retry={history.retry}
      />
    );
  }
  if (!history.loaded) return <SkeletonRows rows={4} />;
  const checkpoints = checkpointsOf(
    history.events,
    metrics.points("eval_loss"),
    figureOf(job.params, "keep_checkpoints"),
  );
  const best = figureOf(job.details, "best_step");
  if (checkpoints.length === 0) {
    return (
      <Card>
        <EmptyState title="No checkpoint">{noCheckpointWords(job)}</EmptyState>
      </Card>
    );
  }
  return (
    <Card flush>
      <Table label="Checkpoints">
        <thead>
          <tr>
            <Th numeric className="w-24">
              Step
            </Th>
            <Th>
              <span className="sr-only">What it is</span>
            </Th>
            <Th numeric>Validation loss</Th>
            <Th numeric>Took</Th>
            <Th numeric>Written</Th>
          </tr>
        </thead>
        <tbody>
          {checkpoints.map((checkpoint) => (
            <tr key={checkpoint.step}>
              <Td numeric className="font-medium">
                {formatNumber(checkpoint.step)}
              </Td>
              <Td>
                <div className="flex flex-wrap gap-1.5">
                  {checkpoint.last && job.state !== "COMPLETED" && (
                    <Badge tone="accent">{hasEnded(job) ? "resumes from here" : "latest"}</Badge>
                  )}
                  {job.state === "COMPLETED" && checkpoint.step === best && (
                    <Badge tone="good">the result</Badge>
                  )}
                  {!checkpoint.kept && !checkpoint.last && <Badge>removed since</Badge>}
                </div>
              </Td>
              <Td numeric>{formatFigure(checkpoint.evalLoss)}</Td>
              <Td numeric>{formatDuration(checkpoint.seconds)}</Td>
              <Td numeric className="text-ink-soft">
                <Age time={checkpoint.time} />
              </Td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function noCheckpointWords(job: Job): string {
  if (job.type !== "finetune") return "Only trainings write checkpoints.";
  const every = figureOf(job.params, "save_every");
  if (every === 0) return "This training writes one only when the hub stops it.";
  return `This training writes one every ${every ?? 50} steps, and when it is stopped.`;
}
