"use client";

import { Card } from "@/components/ui/card";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { ErrorNotice, Skeleton, SkeletonRows } from "@/components/ui/states";
import { HintsList } from "./hints-list";
import { LedgerCard } from "./ledger-card";
import { MachineCard } from "./machine-card";
import { useSystem } from "./use-system";

const EnginesSection = lazily(
  () => import("./engines-section").then((module) => module.EnginesSection),
  <Card title="Engines" className="min-h-57">
    <SkeletonRows rows={2} />
  </Card>,
);
// Below what is seen first.
const Upkeep = lazily(() => import("./upkeep").then((module) => module.Upkeep));

/** The hub from inside: machine, memory, engines, connections, upkeep. */
export function SystemPage() {
  const { data: system, error, mutate } = useSystem();
  return (
    <>
      <PageHeader
        title="System"
        lead="The machine, who holds its memory, what the engines do, and the upkeep of the hub: backups, files that nothing needs, traces."
      />
      {error && !system && (
        <div className="mb-4">
          <ErrorNotice error={error} retry={() => void mutate()} />
        </div>
      )}
      <div className="space-y-4">
        <Card title="What to know">
          {system ? (
            <HintsList system={system} />
          ) : (
            <Skeleton className="h-10 w-80 max-w-full sm:h-5" />
          )}
        </Card>
        <EnginesSection system={system} />
        <LedgerCard system={system} />
        <div className="grid gap-4 lg:grid-cols-2">
          <MachineCard system={system} />
          <Upkeep system={system} />
        </div>
      </div>
    </>
  );
}
