"use client";

import useSWR from "swr";
import { api } from "@/api/client";
import { laneOf, type Job, type Lane } from "./job";

/** The hub's own limit of a page; at most queue_limit (1000 unless set) jobs wait. */
const pageLength = 200;

async function loadQueued(): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor: string | null = null;
  do {
    const { data }: { data?: { data: Job[]; next_cursor: string | null } } = await api.GET(
      "/jobs",
      {
        params: {
          query: { state: "QUEUED", limit: pageLength, ...(cursor !== null && { cursor }) },
        },
      },
    );
    jobs.push(...(data?.data ?? []));
    cursor = data?.next_cursor ?? null;
  } while (cursor !== null);
  return jobs.reverse();
}

/** All jobs that wait, in the order in which they arrived. Its key lies below /jobs, so events refresh it. */
export const useQueued = () => useSWR<Job[], unknown>(["queue", "/jobs"], loadQueued);

/** The jobs of a lane in the order in which they will run. */
export function inOrder(queued: readonly Job[], lane: Lane): Job[] {
  // Sorting is stable: those of the same priority stay in the order in which they arrived.
  return queued.filter((job) => laneOf(job) === lane).sort((a, b) => b.priority - a.priority);
}
