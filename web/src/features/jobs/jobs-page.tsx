"use client";

import { useState } from "react";
import { useHubPages } from "@/api/pages";
import { Button, LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { compareJobsHref } from "@/links";
import { withActivity } from "./job-activity";
import { JobsFilters, type JobsFilter } from "./jobs-filters";
import { JobsTable } from "./jobs-table";
import type { Leaving } from "./leave-dialog";
import { QueueCard } from "./queue-card";
import { useJobActivity } from "./use-job-activity";
import { useJobChanges } from "./use-job-changes";

const LeaveDialog = lazily(() => import("./leave-dialog").then((module) => module.LeaveDialog));

const pageLength = 50;
/** More lines than this nobody can tell apart. */
const mostCompared = 8;

export function JobsPage() {
  const [filter, setFilter] = useState<JobsFilter>({ state: "", type: "" });
  const [selected, setSelected] = useState<ReadonlySet<string>>(() => new Set());
  const [leaving, setLeaving] = useState<Leaving | null>(null);
  const activities = useJobActivity();
  const changes = useJobChanges();
  const pages = useHubPages("/jobs", (_, before) => {
    if (before && !before.next_cursor) return null;
    return {
      params: {
        query: {
          limit: pageLength,
          ...(filter.state && { state: filter.state }),
          ...(filter.type && { type: filter.type }),
          ...(before?.next_cursor && { cursor: before.next_cursor }),
        },
      },
    };
  });
  const jobs = (pages.data ?? [])
    .flatMap((page) => page.data)
    .flatMap((job) => changes.foresee(job) ?? [])
    .map((job) => withActivity(job, activities.get(job.id)));
  const filtered = filter.state !== "" || filter.type !== "";

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
        lead="What runs, what waits for its turn, and what came of it."
        actions={
          <LinkButton look="primary" href="/train/">
            New training
          </LinkButton>
        }
      />
      <QueueCard
        activities={activities}
        changes={changes}
        onCancel={(job) => setLeaving({ job, how: "cancel" })}
      />
      <Card title="All jobs" flush actions={<JobsFilters filter={filter} onChange={setFilter} />}>
        {selected.size > 0 && (
          <CompareBar
            selected={[...selected]}
            onClear={() => {
              setSelected(new Set());
            }}
          />
        )}
        {pages.error != null && !pages.data && (
          <div className="p-4">
            <ErrorNotice error={pages.error} retry={() => void pages.mutate()} />
          </div>
        )}
        {pages.isLoading && !pages.data && <SkeletonRows rows={8} className="p-4" />}
        {pages.data && jobs.length === 0 && (
          <EmptyState title={filtered ? "No job is like that" : "No job yet"}>
            {filtered
              ? "Choose another state or type."
              : "A training, an evaluation or a download that you start appears here."}
          </EmptyState>
        )}
        {jobs.length > 0 && (
          <JobsTable
            jobs={jobs}
            activities={activities}
            selected={selected}
            mayMore={selected.size < mostCompared}
            onSelect={select}
            onLeave={setLeaving}
            isChanging={changes.isChanging}
          />
        )}
        {pages.data?.at(-1)?.next_cursor != null && (
          <div className="p-3 text-center">
            <Button
              size="small"
              busy={pages.isValidating}
              onClick={() => void pages.setSize(pages.size + 1)}
            >
              Show earlier ones
            </Button>
          </div>
        )}
      </Card>
      <LeaveDialog leaving={leaving} onClose={() => setLeaving(null)} changes={changes} />
    </>
  );
}

function CompareBar({ selected, onClear }: { selected: string[]; onClear: () => void }) {
  const enough = selected.length > 1;
  return (
    <div className="flex flex-wrap items-center gap-3 border-b border-line bg-accent-soft px-4 py-2 text-sm">
      <p role="status">
        {enough
          ? `${selected.length} trainings chosen`
          : "Choose at least one more training to compare."}
      </p>
      <div className="ml-auto flex gap-2">
        <Button size="small" look="quiet" onClick={onClear}>
          Clear
        </Button>
        {enough && (
          <LinkButton size="small" look="primary" href={compareJobsHref(selected)}>
            Compare
          </LinkButton>
        )}
      </div>
    </div>
  );
}
