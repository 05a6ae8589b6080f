"use client";

import { useHub, type Schemas } from "@/api/client";

export type System = Schemas["System"];

/** The state of the hub. No event tells of engines and memory, so it is asked for every few seconds. */
export function useSystem() {
  return useHub("/system", {}, { refreshInterval: 3_000 });
}
