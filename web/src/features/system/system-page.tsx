"use client";

import { Card } from "@/components/ui/card";
import { PageHeader } from "@/components/ui/page-header";
import { ErrorNotice, Skeleton } from "@/components/ui/states";
import { BackupCard } from "./backup-card";
import { CapabilitiesCard } from "./capabilities-card";
import { EnginesSection } from "./engines-section";
import { GarbageCard } from "./garbage-card";
import { HintsList } from "./hints-list";
import { LedgerCard } from "./ledger-card";
import { MachineCard } from "./machine-card";
import { MlflowCard } from "./mlflow-card";
import { TracesCard } from "./traces-card";
import { useSystem } from "./use-system";

/** The hub from inside: machine, memory, engines, connections, upkeep. */
export function SystemPage() {
  const { data: system, error, mutate } = useSystem();
  return (
    <>
      <PageHeader title="System" lead="The machine, who holds its memory, and the hub's upkeep." />
      {error && !system && (
        <div className="mb-4">
          <ErrorNotice error={error} retry={() => void mutate()} />
        </div>
      )}
      <div className="space-y-4">
        <Card title="What to know">
          {system ? <HintsList system={system} /> : <Skeleton className="h-5 w-80" />}
        </Card>
        <EnginesSection system={system} />
        <LedgerCard system={system} />
        <div className="grid gap-4 lg:grid-cols-2">
          <MachineCard system={system} />
          <MlflowCard system={system} />
          <TracesCard system={system} />
          <CapabilitiesCard system={system} />
          <GarbageCard />
          <BackupCard />
        </div>
      </div>
    </>
  );
}
