"use client";

import { useState } from "react";
import { api, useHubPages } from "@/api/client";
import { Button, LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ConfirmDialog } from "@/components/ui/dialog";
import { Field, Select } from "@/components/ui/field";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { jobStates, jobTypes, type Job, type JobState, type JobType } from "./job";
import { withActivity } from "./job-activity";
import { jobName, stateWords, typeWords } from "./job-words";
import { JobsTable } from "./jobs-table";
import { useJobActivity } from "./use-job-activity";
import { useJobChanges } from "./use-job-changes";

const pageLength = 50;

export function JobsPage() {
  const [state, setState] = useState<JobState | "">("");
  const [type, setType] = useState<JobType | "">("");
  const [selected, setSelected] = useState<ReadonlySet<string>>(() => new Set());
  const [leaving, setLeaving] = useState<{ job: Job; how: "cancel" | "remove" } | null>(null);
  const activities = useJobActivity();
  const changes = useJobChanges();
  const pages = useHubPages("/jobs", (_, before) => {
    if (before && !before.next_cursor) return null;
    return {
      params: {
        query: {
          limit: pageLength,
          ...(state && { state }),
          ...(type && { type }),
          ...(before?.next_cursor && { cursor: before.next_cursor }),
        },
      },
    };
  });
  const jobs = (pages.data ?? [])
    .flatMap((page) => page.data)
    .flatMap((job) => changes.foresee(job) ?? [])
    .map((job) => withActivity(job, activities.get(job.id)));
  const more = pages.data?.at(-1)?.next_cursor != null;

  const select = (id: string, on: boolean): void => {
    const next = new Set(selected);
    if (on) next.add(id);
    else next.delete(id);
    setSelected(next);
  };

  return (
    <>
      <PageHeader
        title="Jobs"
        lead="What the hub trains, measures, converts and moves: what runs, what waits, and what came of it."
        actions={
          <LinkButton look="primary" href="/train/" prefetch={false}>
            New training
          </LinkButton>
        }
      />
      <Card
        title="All jobs"
        flush
        actions={
          <>
            <Field label="State" hideLabel>
              {(ids) => (
                <Select
                  {...ids}
                  value={state}
                  onChange={(event) => setState(event.target.value as JobState | "")}
                >
                  <option value="">All states</option>
                  {jobStates.map((each) => (
                    <option key={each} value={each}>
                      {stateWords[each]}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
            <Field label="Type" hideLabel>
              {(ids) => (
                <Select
                  {...ids}
                  value={type}
                  onChange={(event) => setType(event.target.value as JobType | "")}
                >
                  <option value="">All types</option>
                  {jobTypes.map((each) => (
                    <option key={each} value={each}>
                      {typeWords[each]}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          </>
        }
      >
        {pages.error != null && !pages.data && (
          <div className="p-4">
            <ErrorNotice error={pages.error} retry={() => void pages.mutate()} />
          </div>
        )}
        {pages.isLoading && !pages.data && <SkeletonRows rows={8} className="p-4" />}
        {pages.data && jobs.length === 0 && (
          <EmptyState title={state || type ? "No job is like that" : "No job yet"}>
            {state || type
              ? "Choose another state or type."
              : "A training, an evaluation or a download that you start appears here."}
          </EmptyState>
        )}
        {jobs.length > 0 && (
          <JobsTable
            jobs={jobs}
            activities={activities}
            selected={selected}
            onSelect={select}
            onCancel={(job) => setLeaving({ job, how: "cancel" })}
            onRemove={(job) => setLeaving({ job, how: "remove" })}
            isChanging={changes.isChanging}
          />
        )}
        {more && (
          <div className="p-3 text-center">
            <Button
              size="small"
              busy={pages.isValidating}
              onClick={() => void pages.setSize(pages.size + 1)}
            >
              Show more
            </Button>
          </div>
        )}
      </Card>
      <ConfirmDialog
        title={leaving?.how === "remove" ? "Delete this job?" : "Cancel this job?"}
        open={leaving != null}
        onClose={() => setLeaving(null)}
        confirmLabel={leaving?.how === "remove" ? "Delete the job" : "Cancel the job"}
        onConfirm={() => {
          if (!leaving) return;
          setLeaving(null);
          const { id } = leaving.job;
          const params = { path: { id } };
          void (leaving.how === "remove"
            ? changes.change(id, {
                foreseen: null,
                perform: () => api.DELETE("/jobs/{id}", { params }),
                failed: "The job could not be deleted",
              })
            : changes.change(id, {
                foreseen: { cancel_requested: true },
                perform: () => api.POST("/jobs/{id}/cancel", { params }),
                failed: "The job could not be cancelled",
              }));
        }}
      >
        {leaving && <p>{jobName(leaving.job)}</p>}
      </ConfirmDialog>
    </>
  );
}
