"use client";

import clsx from "clsx";
import { useState } from "react";
import useSWR from "swr";
import type { HubEvent } from "@/api/event-feed";
import { useEvents } from "@/api/events";
import type { Tone } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { formatTime } from "@/format";
import { mergeEvents, readPastEvents } from "./event-history";
import { eventWords } from "./event-words";

const mostShown = 12;

/** What happened lately, newest first, as it happens. */
export function EventsCard({ lastSeq }: { lastSeq: number | undefined }) {
  const [told, setTold] = useState<HubEvent[]>([]);
  useEvents((event) => setTold((before) => mergeEvents(before, [event])));
  // Asked once: what comes later is told.
  const [from, setFrom] = useState(lastSeq);
  if (from === undefined && lastSeq !== undefined) setFrom(lastSeq);
  const past = useSWR<HubEvent[], Error>(
    from === undefined ? null : ["past-events", from],
    () => readPastEvents(from ?? 0),
    { revalidateOnReconnect: false },
  );
  const events = mergeEvents(past.data ?? [], told).slice(0, mostShown);
  return (
    <Card title="Recent events" flush className="min-h-64">
      {past.error && (
        <div className="p-4">
          <ErrorNotice error={past.error} title="Earlier events could not be read" />
        </div>
      )}
      {!past.data && !past.error && <SkeletonRows rows={5} className="p-4" />}
      {past.data && events.length === 0 && (
        <EmptyState title="Nothing has happened yet">
          Jobs, models, data sets and keys tell here what becomes of them.
        </EmptyState>
      )}
      <ul aria-live="polite" aria-label="Recent events" className="divide-y divide-line">
        {events.map((event) => (
          <EventLine key={event.seq} event={event} />
        ))}
      </ul>
    </Card>
  );
}

const dots: Record<Tone, string> = {
  neutral: "bg-line-strong",
  accent: "bg-accent",
  good: "bg-good",
  warn: "bg-warn",
  bad: "bg-bad",
};

function EventLine({ event }: { event: HubEvent }) {
  const { text, tone, href } = eventWords(event);
  return (
    <li className="flex h-10 items-center gap-3 px-4 text-sm">
      <span aria-hidden className={clsx("size-2 shrink-0 rounded-full", dots[tone])} />
      <span className="min-w-0 flex-1 truncate" title={text}>
        {href ? (
          <Link href={href} className="hover:underline">
            {text}
          </Link>
        ) : (
          text
        )}
      </span>
      <time dateTime={event.time} className="text-xs whitespace-nowrap text-ink-faint tabular-nums">
        {formatTime(event.time)}
      </time>
    </li>
  );
}
