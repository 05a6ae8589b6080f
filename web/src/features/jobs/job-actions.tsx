"use client";

import { Ban, MessageSquare, Pencil, Play, Repeat2, Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { api } from "@/api/client";
import { Button, LinkButton } from "@/components/ui/button";
import { lazily } from "@/components/ui/lazily";
import { chatHref, trainAgainHref } from "@/links";
import { hasEnded, mayReproduce, mayResume, type Job } from "./job";
import type { Leaving } from "./leave-dialog";
import type { JobChanges } from "./use-job-changes";

const LeaveDialog = lazily(() => import("./leave-dialog").then((module) => module.LeaveDialog));
const ReproduceDialog = lazily(() =>
  import("./reproduce-dialog").then((module) => module.ReproduceDialog),
);

/** What can be done with a job in its state. */
export function JobActions({ job, changes }: { job: Job; changes: JobChanges }) {
  const router = useRouter();
  const [leaving, setLeaving] = useState<Leaving | null>(null);
  const [reproducing, setReproducing] = useState(false);
  const busy = changes.isChanging(job.id);

  const resume = (): void => {
    void changes.change(job.id, {
      foreseen: { state: "QUEUED", reason: "position", ended_at: null, cancel_requested: false },
      perform: () => api.POST("/jobs/{id}/resume", { params: { path: { id: job.id } } }),
      failed: "The job could not be resumed",
      done: "The job goes on from its last checkpoint",
    });
  };

  return (
    <>
      {job.result && (
        <LinkButton look="primary" href={chatHref(job.result.model)}>
          <MessageSquare size={16} aria-hidden />
          Chat with it
        </LinkButton>
      )}
      {mayResume(job) && (
        <Button look="primary" busy={busy} onClick={resume}>
          <Play size={16} aria-hidden />
          Resume
        </Button>
      )}
      {job.type === "finetune" && (
        <LinkButton href={trainAgainHref(job.id)}>
          <Pencil size={16} aria-hidden />
          Change and train
        </LinkButton>
      )}
      {mayReproduce(job) && (
        <Button onClick={() => setReproducing(true)}>
          <Repeat2 size={16} aria-hidden />
          Reproduce
        </Button>
      )}
      {hasEnded(job) ? (
        <Button look="danger" busy={busy} onClick={() => setLeaving({ job, how: "delete" })}>
          <Trash2 size={16} aria-hidden />
          Delete
        </Button>
      ) : (
        <Button
          look="danger"
          busy={busy}
          disabled={job.cancel_requested}
          onClick={() => setLeaving({ job, how: "cancel" })}
        >
          <Ban size={16} aria-hidden />
          {job.cancel_requested ? "Stopping" : "Cancel"}
        </Button>
      )}
      <LeaveDialog
        leaving={leaving}
        onClose={() => setLeaving(null)}
        changes={changes}
        onDeleted={() => router.push("/jobs/")}
      />
      {reproducing && (
        <ReproduceDialog job={job} open={reproducing} onClose={() => setReproducing(false)} />
      )}
    </>
  );
}
