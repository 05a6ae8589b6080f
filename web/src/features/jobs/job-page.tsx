"use client";

import { useSearchParams } from "next/navigation";
import { lazy, Suspense } from "react";
import { useHub } from "@/api/client";
import { ApiError } from "@/api/errors";
import { LinkButton } from "@/components/ui/button";
import { Link } from "@/components/ui/link";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, Skeleton, SkeletonRows } from "@/components/ui/states";
import { Tabs, type Tab } from "@/components/ui/tabs";
import { Age } from "@/components/ui/ticking";
import { shortId } from "@/format";
import { JobActions } from "./job-actions";
import { withActivity } from "./job-activity";
import { JobSkeleton } from "./job-skeleton";
import { JobSummary } from "./job-summary";
import { jobName, typeWords } from "./job-words";
import { useJobActivity } from "./use-job-activity";
import { useJobChanges } from "./use-job-changes";
import { useJobEvents } from "./use-job-events";
import { useJobMetrics } from "./use-job-metrics";

const ChartsTab = lazy(() => import("./charts-tab"));
const FailureNotice = lazy(() => import("./failure-notice"));
const ResultTab = lazy(() => import("./result-tab"));
const SamplesTab = lazy(() => import("./samples-tab"));
const CheckpointsTab = lazy(() => import("./checkpoints-tab"));
const EventsTab = lazy(() => import("./events-tab"));
const LogsTab = lazy(() => import("./logs-tab"));
const SetupTab = lazy(() => import("./setup-tab"));

type TabId = "charts" | "result" | "samples" | "checkpoints" | "events" | "logs" | "setup";

const always: Tab<TabId>[] = [
  { id: "events", label: "Events" },
  { id: "logs", label: "Log" },
  { id: "setup", label: "Setup" },
];
const ofTrainings: Tab<TabId>[] = [
  { id: "charts", label: "Charts" },
  { id: "result", label: "Result" },
  { id: "samples", label: "Samples" },
  { id: "checkpoints", label: "Checkpoints" },
  ...always,
];
const ofOthers: Tab<TabId>[] = [{ id: "result", label: "Result" }, ...always];

export function JobPage() {
  const id = useSearchParams().get("id");
  if (!id) {
    return (
      <>
        <PageHeader title="Job" />
        <EmptyState
          title="No job was named"
          action={<LinkButton href="/jobs/">All jobs</LinkButton>}
        >
          The address of a job&apos;s page ends with its id.
        </EmptyState>
      </>
    );
  }
  return <JobOf key={id} id={id} />;
}

function JobOf({ id }: { id: string }) {
  const search = useSearchParams();
  const { data, error, mutate } = useHub("/jobs/{id}", { params: { path: { id } } });
  const activity = useJobActivity().get(id);
  const changes = useJobChanges();
  const metrics = useJobMetrics(id);
  const asked = search.get("tab");
  const history = useJobEvents(id, asked === "events" || asked === "checkpoints");

  const gone = error instanceof ApiError && error.status === 404;
  if (!data || gone) {
    if (!error) return <JobSkeleton />;
    return (
      <div className="space-y-4">
        <PageHeader title="Job" />
        <ErrorNotice
          title={gone ? "This job is not here (any more)" : "The job cannot be shown"}
          error={error}
          retry={() => void mutate()}
        />
        <LinkButton href="/jobs/">All jobs</LinkButton>
      </div>
    );
  }
  const job = withActivity(changes.foresee(data) ?? data, activity);
  const tabs = job.type === "finetune" ? ofTrainings : ofOthers;
  const selected = (tabs.find((tab) => tab.id === asked) ?? tabs[0])?.id ?? "events";
  const select = (tab: TabId): void => {
    const next = new URLSearchParams(search);
    next.set("tab", tab);
    window.history.replaceState(null, "", `?${next.toString()}`);
  };
  return (
    <>
      <nav aria-label="Where you are" className="mb-2 text-sm text-ink-faint">
        <Link href="/jobs/" className="hover:text-ink hover:underline">
          Jobs
        </Link>{" "}
        / <span className="font-mono">{shortId(job.id)}</span>
      </nav>
      <PageHeader
        title={jobName(job)}
        lead={
          <>
            {typeWords[job.type]}
            {jobName(job) !== job.model && ` of ${job.model}`}
            {job.dataset?.name && ` on ${job.dataset.name}`}, sent <Age time={job.created_at} />
          </>
        }
        actions={<JobActions job={job} changes={changes} />}
      />
      {(job.state === "FAILED" || job.last_error !== null) && (
        <Suspense fallback={<Skeleton className="mb-4 h-24" />}>
          <FailureNotice job={job} />
        </Suspense>
      )}
      <JobSummary job={job} activity={activity} />
      <Tabs label="About this job" tabs={tabs} selected={selected} onSelect={select}>
        <Suspense fallback={<SkeletonRows rows={6} />}>
          {selected === "charts" && <ChartsTab job={job} metrics={metrics} />}
          {selected === "result" && <ResultTab job={job} />}
          {selected === "samples" && <SamplesTab job={job} />}
          {selected === "checkpoints" && (
            <CheckpointsTab job={job} history={history} metrics={metrics} />
          )}
          {selected === "events" && <EventsTab history={history} />}
          {selected === "logs" && <LogsTab job={job} />}
          {selected === "setup" && <SetupTab job={job} />}
        </Suspense>
      </Tabs>
    </>
  );
}
