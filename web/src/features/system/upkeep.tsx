"use client";

import { BackupCard } from "./backup-card";
import { CapabilitiesCard } from "./capabilities-card";
import { GarbageCard } from "./garbage-card";
import { MlflowCard } from "./mlflow-card";
import { TracesCard } from "./traces-card";
import type { System } from "./use-system";

/** What the hub is connected to, and what keeps it in order. */
export function Upkeep({ system }: { system: System | undefined }) {
  return (
    <>
      <MlflowCard system={system} />
      <TracesCard system={system} />
      <CapabilitiesCard system={system} />
      <GarbageCard />
      <BackupCard />
    </>
  );
}
