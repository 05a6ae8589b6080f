"use client";

import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { api } from "@/api/client";
import { useConnection, useEvents } from "@/api/events";
import type { Points } from "@/components/charts/downsample";
import { MetricHistory, type MetricReport } from "./metric-history";

/** A page of the longest kind; the next is asked for when it is here. */
const pageLength = 10_000;
/** Reports of a fast job come by the hundred a second: the charts are drawn anew so often at most. */
const drawEveryMs = 200;

interface MetricPage {
  data: MetricReport[];
  next_cursor: string | null;
}

/** Loads a job's metrics, takes live ones, and tells when there is something to draw. */
class MetricFeed {
  readonly history = new MetricHistory();
  private readonly watchers = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Grows when there is something new. */
  version = 0;
  loaded = false;
  error: unknown = null;
  /** Where the last page of history begins: only from there on may there be more. */
  private lastPage: string | null = null;
  private loading = false;
  private again = false;

  constructor(private readonly jobId: string) {}

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  add(report: MetricReport): void {
    this.history.add(report);
    this.timer ??= setTimeout(() => this.tell(), drawEveryMs);
  }

  /** Asks for what is not here yet; while that is under way, for what came meanwhile as well. */
  async load(): Promise<void> {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    try {
      await this.loadPages();
      this.loaded = true;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.loading = false;
    this.tell();
    if (this.again) {
      this.again = false;
      await this.load();
    }
  }

  private async loadPages(): Promise<void> {
    for (;;) {
      const { data } = await api.GET("/jobs/{id}/metrics", {
        params: {
          path: { id: this.jobId },
          query: { limit: pageLength, ...(this.lastPage && { cursor: this.lastPage }) },
        },
      });
      const page = data as MetricPage;
      for (const report of page.data) this.history.add(report);
      this.tell();
      if (!page.next_cursor) return;
      this.lastPage = page.next_cursor;
    }
  }

  private tell(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.version += 1;
    for (const watcher of this.watchers) watcher();
  }
}

export interface JobMetrics {
  /** Grows when a figure changes. */
  version: number;
  /** A figure's course over the steps; the same object until it changes. */
  points: (name: string) => Points;
  /** Which figures there are. */
  names: string[];
  loaded: boolean;
  error: unknown;
  retry: () => void;
}

/**
 * The metrics of a job, from its first and live, or of several. Nothing is missing or twice: history and events are
 * merged by step, and whenever the stream of events begins (again), what may have been missed is asked for.
 */
export function useMetricsOf(ids: readonly string[]): JobMetrics[] {
  const key = ids.join(",");
  const feeds = useMemo(
    () => new Map(key === "" ? [] : key.split(",").map((id) => [id, new MetricFeed(id)])),
    [key],
  );
  const connection = useConnection();

  useEffect(() => {
    if (connection === "offline") return;
    for (const feed of feeds.values()) void feed.load();
  }, [feeds, connection]);

  useEvents((event) => {
    if (event.type !== "job.metric") return;
    feeds.get(event.subject.id)?.add({ ...event.data, time: event.time });
  });

  const subscribe = useCallback(
    (watcher: () => void) => {
      const removers = [...feeds.values()].map((feed) => feed.subscribe(watcher));
      return () => {
        for (const remove of removers) remove();
      };
    },
    [feeds],
  );
  const version = useSyncExternalStore(
    subscribe,
    () => [...feeds.values()].reduce((sum, feed) => sum + feed.version, 0),
    () => 0,
  );

  // A new view for each version, so that what is made from it is made anew.
  return useMemo(() => [...feeds.values()].map((feed) => viewOf(feed, version)), [feeds, version]);
}

function viewOf(feed: MetricFeed, version: number): JobMetrics {
  return {
    version,
    points: (name) => feed.history.points(name),
    names: feed.history.names,
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
