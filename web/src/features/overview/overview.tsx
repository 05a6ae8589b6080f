"use client";

import { Card } from "@/components/ui/card";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { EnginesCard } from "@/features/engines/engines-card";
import { MemoryCard } from "@/features/memory/memory-card";
import { useSystem } from "@/features/system/use-system";
import { Health } from "./health";
import { WorkCardSkeleton, workCardHeight } from "./work-card-skeleton";

// What is not seen first comes after the rest of the page.
const WorkCard = lazily(
  () => import("./work-card").then((module) => module.WorkCard),
  <Card title="Jobs" className={workCardHeight}>
    <WorkCardSkeleton />
  </Card>,
);
const EventsCard = lazily(
  () => import("./events-card").then((module) => module.EventsCard),
  <Card title="Recent events" className="min-h-64">
    <SkeletonRows rows={5} />
  </Card>,
);
/** How the hub is and what it is doing, at a glance. */
export function Overview() {
  const { data: system, error, mutate } = useSystem();
  return (
    <>
      <PageHeader
        title="Overview"
        lead="How the hub is, what it is doing, who holds its memory, and what happened last."
      />
      {error && !system && (
        <div className="mb-4">
          <ErrorNotice error={error} retry={() => void mutate()} />
        </div>
      )}
      <Health system={system} />
      <div className="grid grid-cols-1 gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="min-w-0 space-y-4">
          <MemoryCard system={system} />
          <WorkCard queued={system?.jobs.QUEUED} />
        </div>
        <div className="min-w-0 space-y-4">
          <EnginesCard engines={system?.engines} />
          <EventsCard lastSeq={system?.events.last_seq} />
        </div>
      </div>
    </>
  );
}
