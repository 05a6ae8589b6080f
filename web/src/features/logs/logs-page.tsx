"use client";

import { Radio } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { Suspense, useState } from "react";
import { Button } from "@/components/ui/button";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { SkeletonRows } from "@/components/ui/states";
import { LevelControl } from "./level-control";
import { filterQuery, readFilter, type LogFilter } from "./log-filter";
import { FilterChips, LogFilters } from "./log-filters";

const LogList = lazily(
  () => import("./log-list").then((module) => module.LogList),
  <SkeletonRows rows={8} />,
);

/** What the server, its engines and its jobs wrote, as one list. */
export function LogsPage() {
  return (
    <>
      <PageHeader
        title="Logs"
        lead="What the server, its engines and its jobs wrote, newest first."
        actions={<LevelControl />}
      />
      <Suspense fallback={<SkeletonRows rows={8} />}>
        <Logs />
      </Suspense>
    </>
  );
}

function Logs() {
  const filter = readFilter(useSearchParams());
  const [live, setLive] = useState(true);
  const change = (changed: Partial<LogFilter>): void => {
    const query = new URLSearchParams(filterQuery({ ...filter, ...changed })).toString();
    // The page is the same one: nothing needs to be fetched for another address.
    window.history.replaceState(null, "", `${window.location.pathname}${query && `?${query}`}`);
  };
  // What ends in the past gets no new records.
  const followed = live && filter.until === "";
  return (
    <>
      <div className="mb-3">
        <div className="flex flex-wrap items-start gap-2">
          <div className="min-w-0 flex-1 basis-80">
            <LogFilters filter={filter} onChange={change} />
          </div>
          <Button
            aria-pressed={followed}
            disabled={filter.until !== ""}
            onClick={() => setLive(!live)}
          >
            <Radio size={16} aria-hidden className={followed ? "text-good" : "text-ink-faint"} />
            {followed ? "Live" : "Paused"}
          </Button>
        </div>
        <FilterChips filter={filter} onChange={change} />
      </div>
      <LogList key={JSON.stringify(filter)} filter={filter} live={followed} onFilter={change} />
    </>
  );
}
