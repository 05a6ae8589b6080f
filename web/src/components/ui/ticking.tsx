"use client";

import { useSyncExternalStore } from "react";
import { formatAge, formatDuration, formatTime } from "@/format";

const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

/** One clock for the page: whatever ticks does so together. */
function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of [...watchers]) each();
  }, 1000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

const current = (): number => {
  // A clock that nobody watched stood still. Asked twice at once it must answer the same.
  if (timer === undefined && Date.now() - now > 1000) now = Date.now();
  return now;
};

/** The time in milliseconds, every second anew. */
export const useNow = (): number => useSyncExternalStore(watch, current, () => 0);

/** "3 min ago", with the time itself as a tooltip. */
export function Age({ time }: { time: string | null }) {
  const at = useNow();
  return (
    <time dateTime={time ?? undefined} title={formatTime(time)} className="tabular-nums">
      {formatAge(time, at)}
    </time>
  );
}

/** How long something has taken since `from`, up to now or to `to`. */
export function Elapsed({ from, to }: { from: string | null; to?: string | null }) {
  const at = useNow();
  if (!from) return <>{formatDuration(null)}</>;
  const end = to ? new Date(to).getTime() : at;
  const seconds = Math.max(0, (end - new Date(from).getTime()) / 1000);
  return (
    <span className="tabular-nums">{to ? formatDuration(seconds) : formatTicking(seconds)}</span>
  );
}

/** What is left of `seconds` that were said at `saidAt`; counts down. */
export function Remaining({ seconds, saidAt }: { seconds: number | null; saidAt: number }) {
  const at = useNow();
  if (seconds == null) return <>{formatDuration(null)}</>;
  const gone = saidAt > 0 ? Math.max(0, (at - saidAt) / 1000) : 0;
  return <span className="tabular-nums">{formatTicking(Math.max(0, seconds - gone))}</span>;
}

/** Whole seconds: tenths that jump by ten tell nothing. */
const formatTicking = (seconds: number): string =>
  seconds < 10 ? `${Math.floor(seconds)} s` : formatDuration(Math.floor(seconds));
