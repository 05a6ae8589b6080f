"use client";

import { useMemo } from "react";
import { api } from "@/api/client";
import { useEvents } from "@/api/events";
import type { Points } from "@/components/charts/downsample";
import { Gathering } from "./gathering";
import { MetricHistory, type FigureName, type MetricReport } from "./metric-history";
import { useGatherings } from "./use-gatherings";

/** The longest page. */
const pageLength = 10_000;

interface MetricPage {
  data: MetricReport[];
  next_cursor: string | null;
}

class MetricFeed extends Gathering {
  readonly history = new MetricHistory();
  /** Where the last page begins: only from there on may there be more. */
  private lastPage: string | null = null;

  constructor(readonly jobId: string) {
    super();
  }

  add(report: MetricReport): void {
    this.history.add(report);
    this.tellSoon();
  }

  protected override async loadRest(): Promise<void> {
    for (;;) {
      const { data } = await api.GET("/jobs/{id}/metrics", {
        params: {
          path: { id: this.jobId },
          query: { limit: pageLength, ...(this.lastPage && { cursor: this.lastPage }) },
        },
      });
      const page = data as MetricPage;
      for (const report of page.data) this.history.add(report);
      if (!page.next_cursor) return;
      this.lastPage = page.next_cursor;
      this.tell();
    }
  }
}

export interface JobMetrics {
  /** Grows when a figure changes. */
  version: number;
  /** A figure's course over the steps; the same object until it changes. */
  points: (name: FigureName) => Points;
  loaded: boolean;
  error: unknown;
  retry: () => void;
}

/** The metrics of some jobs, from their first and live. Nothing is missing and nothing is there twice. */
export function useMetricsOf(ids: readonly string[]): JobMetrics[] {
  const key = ids.join(",");
  const feeds = useMemo(
    () => key.split(",").flatMap((id) => (id ? [new MetricFeed(id)] : [])),
    [key],
  );
  const version = useGatherings(feeds);
  useEvents((event) => {
    if (event.type !== "job.metric") return;
    const feed = feeds.find(({ jobId }) => jobId === event.subject.id);
    feed?.add({ ...event.data, time: event.time });
  });
  // A new view for each version, so that what is made from it is made anew.
  return useMemo(() => feeds.map((feed) => viewOf(feed, version)), [feeds, version]);
}

function viewOf(feed: MetricFeed, version: number): JobMetrics {
  return {
    version,
    points: (name) => feed.history.points(name),
    loaded: feed.loaded,
    error: feed.error,
    retry: () => void feed.load(),
  };
}

export function useJobMetrics(id: string): JobMetrics {
  const [metrics] = useMetricsOf([id]);
  if (!metrics) throw new Error("useJobMetrics needs a job's id");
  return metrics;
}
