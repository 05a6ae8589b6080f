"use client";

import { useState } from "react";
import useSWR from "swr";
import { api } from "@/api/client";
import { useEvents } from "@/api/events";
import { useToasts } from "@/components/ui/toast";
import { laneOf, type Job, type Lane } from "./job";
import { moveTo, runOrder, type Waiting } from "./queue-order";

/** The longest page; at most queue_limit (1000 unless set) jobs wait. */
const pageLength = 200;

/** All jobs that wait, in the order of their arrival. */
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

function withPriorities(jobs: readonly Job[], changes: readonly Waiting[]): Job[] {
  const priority = new Map(changes.map((change) => [change.id, change.priority]));
  return jobs.map((job) => ({ ...job, priority: priority.get(job.id) ?? job.priority }));
}

/** The jobs of a lane in the order in which they will run, with their places in it. */
export const lineOf = (queued: readonly Job[], lane: Lane): Job[] =>
  runOrder(queued.filter((job) => laneOf(job) === lane)).map((job, at) => ({
    ...job,
    queue_position: at + 1,
  }));

export interface Queue {
  /** In the order of their arrival; undefined until they are here. */
  queued: Job[] | undefined;
  error: unknown;
  retry: () => void;
  /** Whether a move is under way. */
  moving: boolean;
  /** Moves a job to a place of its lane, from 0. */
  move: (job: Job, place: number) => Promise<boolean>;
}

export function useQueue(): Queue {
  // Below /jobs, so events refresh it.
  const { data, error, mutate } = useSWR<Job[], unknown>(["queue", "/jobs"], loadQueued);
  const [moving, setMoving] = useState(false);
  const toasts = useToasts();

  const move = async (job: Job, place: number): Promise<boolean> => {
    const lane = laneOf(job);
    const arrived = (data ?? []).filter((each) => laneOf(each) === lane);
    const changes = moveTo(arrived, job.id, place);
    if (!data || !changes || changes.length === 0) return false;
    setMoving(true);
    try {
      await mutate(
        async () => {
          for (const { id, priority } of changes) {
            await api.PATCH("/jobs/{id}", { params: { path: { id } }, body: { priority } });
          }
          return withPriorities(data, changes);
        },
        { optimisticData: withPriorities(data, changes), rollbackOnError: true },
      );
      return true;
    } catch (reason) {
      toasts.fail("The job could not be moved", reason);
      return false;
    } finally {
      setMoving(false);
    }
  };

  return { queued: data, error, retry: () => void mutate(), moving, move };
}

export interface QueuePause {
  /** Null: nothing waits, and nothing has said so since the page was opened. */
  paused: boolean | null;
  busy: boolean;
  set: (paused: boolean) => Promise<void>;
}

/** Whether the queue is paused: what the waiting jobs say, else what was last heard. */
export function useQueuePause(queued: readonly Job[] | undefined): QueuePause {
  const [heard, setHeard] = useState<boolean | null>(null);
  const [asked, setAsked] = useState<boolean | null>(null);
  const toasts = useToasts();
  useEvents(({ type }) => {
    if (type === "queue.paused" || type === "queue.resumed") setHeard(type === "queue.paused");
  });
  const seen = queued?.some(({ reason }) => reason === "queue_paused")
    ? true
    : queued?.some(({ reason }) => reason === "position")
      ? false
      : null;

  const set = async (paused: boolean): Promise<void> => {
    setAsked(paused);
    try {
      const { data } = await (paused
        ? api.POST("/jobs/queue/pause")
        : api.POST("/jobs/queue/resume"));
      setHeard(data?.paused ?? paused);
    } catch (error) {
      toasts.fail(
        paused ? "The queue could not be paused" : "The queue could not be resumed",
        error,
      );
    } finally {
      setAsked(null);
    }
  };
  return { paused: asked ?? heard ?? seen, busy: asked !== null, set };
}
