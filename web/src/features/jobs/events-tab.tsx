"use client";

import clsx from "clsx";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Age } from "@/components/ui/ticking";
import { formatTime } from "@/format";
import { eventWords, type EventWords } from "./job-event-words";
import type { JobEvents } from "./use-job-events";

const shownAtFirst = 100;

const dots: Record<EventWords["tone"], string> = {
  neutral: "bg-line-strong",
  accent: "bg-accent",
  good: "bg-good",
  warn: "bg-warn",
  bad: "bg-bad",
};

export default function EventsTab({ history }: { history: JobEvents }) {
  const [most, setMost] = useState(shownAtFirst);
  const { events, loaded, error, retry } = history;
  return (
    <Card flush>
      {error != null && (
        <div className="p-4">
          <ErrorNotice title="The events could not be loaded" error={error} retry={retry} />
        </div>
      )}
      {!loaded && error == null && <SkeletonRows rows={6} className="p-4" />}
      {loaded && events.length === 0 && (
        <EmptyState title="Nothing is known to have happened">
          The hub no longer has this job&apos;s events.
        </EmptyState>
      )}
      {loaded && events.length > 0 && (
        <ol aria-label="What happened, newest first">
          {events.slice(0, most).map((event) => {
            const { text, detail, tone } = eventWords(event);
            return (
              <li
                key={event.seq}
                className="flex gap-3 border-b border-line px-4 py-2.5 text-sm last:border-b-0"
              >
                <span
                  aria-hidden
                  className={clsx("mt-1.5 size-2 shrink-0 rounded-full", dots[tone])}
                />
                <div className="min-w-0 flex-1">
                  <p className={clsx(tone === "bad" && "text-bad")}>{text}</p>
                  {detail && (
                    <p className="mt-0.5 text-xs break-words whitespace-pre-line text-ink-soft">
                      {detail}
                    </p>
                  )}
                </div>
                <p className="shrink-0 text-right text-xs text-ink-faint tabular-nums">
                  {formatTime(event.time)}
                  <span className="hidden w-20 sm:inline-block">
                    <Age time={event.time} />
                  </span>
                </p>
              </li>
            );
          })}
        </ol>
      )}
      {events.length > most && (
        <div className="p-3 text-center">
          <Button size="small" onClick={() => setMost(most + 5 * shownAtFirst)}>
            Show earlier ones
          </Button>
        </div>
      )}
    </Card>
  );
}
