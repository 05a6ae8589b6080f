"use client";

import { useMemo } from "react";
import type { HubEvent } from "@/api/event-feed";
import { useEvents } from "@/api/events";
import { Gathering } from "./gathering";
import { isTold, readJobEvents } from "./job-event-history";
import { useGatherings } from "./use-gatherings";

class JobEventFeed extends Gathering {
  readonly events = new Map<number, HubEvent>();
  private lastRead = 0;

  constructor(readonly jobId: string) {
    super();
  }

  add(event: HubEvent): void {
    this.events.set(event.seq, event);
    this.tellSoon();
  }

  protected override async loadRest(): Promise<void> {
    this.lastRead = await readJobEvents(this.jobId, this.lastRead, (event) =>
      this.events.set(event.seq, event),
    );
  }
}

export interface JobEvents {
  /** Newest first. */
  events: HubEvent[];
  loaded: boolean;
  error: unknown;
  retry: () => void;
}

/** What happened to a job, from its first event (read once it is wanted) and live. */
export function useJobEvents(id: string, wanted: boolean): JobEvents {
  const feeds = useMemo(() => [new JobEventFeed(id)] as const, [id]);
  const [feed] = feeds;
  const version = useGatherings(feeds, wanted);
  useEvents((event) => {
    if (event.subject.id !== id) return;
    if (isTold({ event: event.type, data: JSON.stringify(event.data) })) feed.add(event);
  });
  return useMemo(
    () => ({
      version,
      events: [...feed.events.values()].sort((a, b) => b.seq - a.seq),
      loaded: feed.loaded,
      error: feed.error,
      retry: () => void feed.load(),
    }),
    [feed, version],
  );
}
