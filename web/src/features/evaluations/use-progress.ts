"use client";

import { useState } from "react";
import { useEvents } from "@/api/events";

/** How far running jobs are, from 0 to 1, by job; as their events tell. */
export function useProgress(): ReadonlyMap<string, number> {
  const [shares, setShares] = useState<ReadonlyMap<string, number>>(new Map());
  useEvents((event) => {
    if (event.type !== "job.progress") return;
    const { step, total } = event.data as { step?: unknown; total?: unknown };
    if (typeof step !== "number" || typeof total !== "number" || total <= 0) return;
    setShares((before) => new Map(before).set(event.subject.id, step / total));
  });
  return shares;
}
