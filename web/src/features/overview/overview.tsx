"use client";

import { PageHeader } from "@/components/ui/page-header";
import { ErrorNotice } from "@/components/ui/states";
import { EnginesCard } from "@/features/engines/engines-card";
import { MemoryCard } from "@/features/memory/memory-card";
import { useSystem } from "@/features/system/use-system";
import { EventsCard } from "./events-card";
import { FirstSteps } from "./first-steps";
import { Health } from "./health";
import { WorkCard } from "./work-card";

/** How the hub is and what it is doing, at a glance. */
export function Overview() {
  const { data: system, error, mutate } = useSystem();
  return (
    <>
      <PageHeader title="Overview" lead="How the hub is and what it is doing." />
      {error && !system && (
        <div className="mb-4">
          <ErrorNotice error={error} retry={() => void mutate()} />
        </div>
      )}
      <Health system={system} />
      <FirstSteps system={system} />
      <div className="grid gap-4 xl:grid-cols-[3fr_2fr]">
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
