"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { ScopeNotice } from "@/components/ui/scope-notice";
import { EmptyState, SkeletonRows } from "@/components/ui/states";
import { plural } from "@/format";
import type { LogFilter } from "./log-filter";
import { LogRow } from "./log-row";
import { useLogList } from "./use-log-list";

interface LogListProps {
  filter: LogFilter;
  live: boolean;
  onFilter: (change: Partial<LogFilter>) => void;
}

const rowHeight = 29;
/** Earlier records are asked for when so many rows are left below. */
const ahead = 20;

/** The records of a filter, newest first; only the rows in view exist. */
export function LogList({ filter, live, onFilter }: LogListProps) {
  const { state, error, loading, loadMore, hold } = useLogList(filter, live);
  const { entries, waiting, cursor, stoppedEarly } = state;
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const scroller = useRef<HTMLDivElement>(null);
  // The compiler must leave this component alone: the virtualizer's functions change what they answer.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => entries[index]?.key ?? index,
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  const wantsMore = cursor != null && !error && !loading && lastShown >= entries.length - ahead;
  const loadMoreNow = useRef(loadMore);
  useEffect(() => {
    loadMoreNow.current = loadMore;
    if (wantsMore) loadMoreNow.current();
  });

  const toggle = (key: number): void =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  const toTop = (): void => {
    rows.scrollToOffset(0);
    hold(false);
  };

  return (
    <div className="relative">
      {error != null && (
        <div className="mb-3">
          <ScopeNotice
            error={error}
            what="Logs"
            title="The logs could not be read"
            retry={loadMore}
          />
        </div>
      )}
      {waiting.length > 0 && (
        <div className="absolute inset-x-0 top-3 z-10 flex justify-center">
          <Button look="primary" size="small" className="shadow-lg tabular-nums" onClick={toTop}>
            <ArrowUp size={14} aria-hidden />
            {plural(waiting.length, "new record")}
          </Button>
        </div>
      )}
      <div
        ref={scroller}
        role="region"
        aria-label="Log records, newest first"
        // A region that scrolls must be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onScroll={(event) => hold(event.currentTarget.scrollTop > rowHeight)}
        className="h-[max(20rem,calc(100dvh-20.5rem))] overflow-y-auto rounded-xl border border-line bg-surface [overflow-anchor:none]"
      >
        {cursor === undefined && !error && <SkeletonRows rows={8} className="p-4" />}
        {cursor !== undefined && entries.length === 0 && !loading && (
          <EmptyState title="No record fits">
            {live ? "New ones appear here by themselves. " : ""}
            Take a filter away, or let the hub write more by its level above.
          </EmptyState>
        )}
        <ol className="relative" style={{ height: rows.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const entry = entries[index];
            return (
              entry && (
                <li
                  key={key}
                  ref={rows.measureElement}
                  data-index={index}
                  className="absolute inset-x-0 top-0"
                  style={{ transform: `translateY(${start}px)` }}
                >
                  <LogRow
                    record={entry.record}
                    open={open.has(entry.key)}
                    onToggle={() => toggle(entry.key)}
                    onFilter={onFilter}
                  />
                </li>
              )
            );
          })}
        </ol>
      </div>
      <p role="status" className="mt-2 min-h-5 text-xs text-ink-faint tabular-nums">
        {cursor !== undefined &&
          `${plural(entries.length, "record")}${cursor ? ", earlier ones come as you scroll" : ", all there are"}${stoppedEarly && cursor ? " (the files are long: the search goes on in steps)" : ""}`}
      </p>
    </div>
  );
}
