"use client";

import { useHub, type Schemas } from "@/api/client";

type Engine = Schemas["Engine"];

/** No event tells of engines and memory. */
const refreshInterval = 3_000;

export function useEngines() {
  return useHub("/engines", {}, { refreshInterval });
}

export function useSystemMemory() {
  const { data } = useHub("/system", {}, { refreshInterval });
  return data?.memory;
}

/** The engine that serves one of the versions, as its weights or as an adapter over them. */
export function engineOf(
  versionIds: readonly string[],
  engines: readonly Engine[],
): Engine | undefined {
  return engines.find(
    (engine) =>
      versionIds.includes(engine.version_id) ||
      engine.adapters.some((adapter) => versionIds.includes(adapter)),
  );
}
