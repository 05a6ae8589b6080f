"use client";

import { useMemo } from "react";
import { api, type Schemas } from "@/api/client";
import { useEvents } from "@/api/events";
import { Gathering } from "./gathering";
import { useGatherings } from "./use-gatherings";

export type JobSample = Schemas["JobSample"];

const pageLength = 1000;

class SampleFeed extends Gathering {
  /** By step and prompt: a resumed job answers some of them again. */
  readonly samples = new Map<string, JobSample>();
  private lastPage: string | null = null;

  constructor(readonly jobId: string) {
    super();
  }

  add(sample: JobSample): void {
    this.put(sample);
    this.tellSoon();
  }

  protected override async loadRest(): Promise<void> {
    for (;;) {
      const { data: page } = await api.GET("/jobs/{id}/samples", {
        params: {
          path: { id: this.jobId },
          query: { limit: pageLength, ...(this.lastPage && { cursor: this.lastPage }) },
        },
      });
      if (!page) return;
      for (const sample of page.data) this.put(sample);
      if (!page.next_cursor) return;
      this.lastPage = page.next_cursor;
    }
  }

  private put(sample: JobSample): void {
    const key = `${sample.step}:${sample.index}`;
    const before = this.samples.get(key);
    if (!before || before.time <= sample.time) this.samples.set(key, sample);
  }
}

export interface JobSamples {
  /** By step, then by prompt. */
  samples: JobSample[];
  loaded: boolean;
  error: unknown;
  retry: () => void;
}

/** What the model in training answered to the job's prompts, from its first answer and live. */
export function useJobSamples(id: string): JobSamples {
  const feeds = useMemo(() => [new SampleFeed(id)] as const, [id]);
  const [feed] = feeds;
  const version = useGatherings(feeds);
  useEvents((event) => {
    if (event.type !== "job.sample" || event.subject.id !== id) return;
    // Its data are a sample without the time, which is the event's.
    const data = event.data as unknown as Omit<JobSample, "time">;
    feed.add({ ...data, time: event.time });
  });
  return useMemo(
    () => ({
      version,
      samples: [...feed.samples.values()].sort((a, b) => a.step - b.step || a.index - b.index),
      loaded: feed.loaded,
      error: feed.error,
      retry: () => void feed.load(),
    }),
    [feed, version],
  );
}
