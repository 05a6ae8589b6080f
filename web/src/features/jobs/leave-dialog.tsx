"use client";

import { api } from "@/api/client";
import { ConfirmDialog } from "@/components/ui/dialog";
import { shortId } from "@/format";
import type { Job } from "./job";
import { jobName, typeWords } from "./job-words";
import type { JobChanges } from "./use-job-changes";

/** A job that is to be cancelled or deleted. */
export interface Leaving {
  job: Job;
  how: "cancel" | "delete";
}

interface LeaveDialogProps {
  leaving: Leaving | null;
  onClose: () => void;
  changes: JobChanges;
  /** After it was deleted. */
  onDeleted?: () => void;
}

/** Asks before a job is cancelled or deleted, and says what will be lost. */
export function LeaveDialog({ leaving, onClose, changes, onDeleted }: LeaveDialogProps) {
  const confirm = async (): Promise<void> => {
    if (!leaving) return;
    onClose();
    const { job, how } = leaving;
    const params = { path: { id: job.id } };
    if (how === "delete") {
      const worked = await changes.change(job.id, {
        foreseen: null,
        perform: () => api.DELETE("/jobs/{id}", { params }),
        failed: "The job could not be deleted",
        done: "The job was deleted",
      });
      if (worked) onDeleted?.();
      return;
    }
    await changes.change(job.id, {
      foreseen:
        job.state === "QUEUED"
          ? { state: "CANCELLED", reason: "cancelled by request", queue_position: null }
          : { cancel_requested: true },
      perform: () => api.POST("/jobs/{id}/cancel", { params }),
      failed: "The job could not be cancelled",
    });
  };
  return (
    <ConfirmDialog
      title={leaving?.how === "delete" ? "Delete this job?" : "Cancel this job?"}
      open={leaving != null}
      onClose={onClose}
      confirmLabel={leaving?.how === "delete" ? "Delete the job" : "Cancel the job"}
      onConfirm={() => void confirm()}
    >
      {leaving && (
        <>
          <p className="font-medium text-ink">
            {jobName(leaving.job)} · {typeWords[leaving.job.type]}{" "}
            <span className="font-mono text-xs">{shortId(leaving.job.id)}</span>
          </p>
          {leaving.how === "delete" ? (
            <DeleteConsequences job={leaving.job} />
          ) : (
            <p>{cancelConsequence(leaving.job)}</p>
          )}
        </>
      )}
    </ConfirmDialog>
  );
}

function cancelConsequence(job: Job): string {
  if (job.state === "QUEUED") return "It is taken out of the queue and does not run.";
  switch (job.type) {
    case "finetune":
      return "It stops after its current step and writes a checkpoint, from which it can be resumed later.";
    case "pull":
      return "It stops. What has been downloaded is kept for a week and need not be downloaded again.";
    case "push":
      return "It stops. Nothing becomes visible in the repository.";
    default:
      return "It stops, and what it has done so far is lost.";
  }
}

function DeleteConsequences({ job }: { job: Job }) {
  const mayGoOn = job.type === "finetune" && job.state !== "COMPLETED";
  return (
    <ul className="list-disc space-y-1 pl-5">
      <li>Its metrics, log, samples and checkpoints are removed. This cannot be undone.</li>
      {mayGoOn && <li>It can no longer be resumed.</li>}
      {job.state === "COMPLETED" && <li>It can no longer be reproduced or compared.</li>}
      {job.result && (
        <li>
          {job.result.model} v{job.result.version}, which it made, stays.
        </li>
      )}
      {job.type === "evaluate" && <li>The figures of its evaluation stay.</li>}
    </ul>
  );
}
