"use client";

import { Download } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import useSWR from "swr";
import { api } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Checkbox, Field, Input, Select } from "@/components/ui/field";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { VirtualLines } from "@/components/ui/virtual-lines";
import { clockTime } from "@/features/logs/log-record";
import { formatNumber, plural, shortId } from "@/format";
import { saveFile } from "@/save-file";
import { figureOf, hasEnded, type Job } from "./job";
import { linesOf, matching, recordOf } from "./log-lines";

/** Of a log that may be longer than the 4 MiB that the hub reads of it; what it answers is shorter than the file. */
const longLog = 2 * 1024 * 1024;
/** No event says that a line was written; a long log is asked for less often. */
const refreshMs = (length: number): number => (length > longLog / 2 ? 10_000 : 2_000);

async function loadLog(id: string, rank: number): Promise<string> {
  const { data } = await api.GET("/jobs/{id}/logs", {
    params: { path: { id }, query: { rank } },
    parseAs: "text",
  });
  return data ?? "";
}

export default function LogsTab({ job }: { job: Job }) {
  const [rank, setRank] = useState(0);
  const { data, error, mutate } = useSWR<string, unknown>(
    ["log", "/jobs/{id}/logs", job.id, rank],
    () => loadLog(job.id, rank),
    { refreshInterval: (text) => (hasEnded(job) ? 0 : refreshMs(text?.length ?? 0)) },
  );
  const ranks = figureOf(job.params, "data_parallel") ?? 1;
  return (
    <Card flush>
      {error != null && (
        <div className="p-4">
          <ErrorNotice
            title="The log could not be loaded"
            error={error}
            retry={() => void mutate()}
          />
        </div>
      )}
      {data === undefined ? (
        error == null && <SkeletonRows rows={12} className="h-[36rem] p-4" />
      ) : (
        <Log
          text={data}
          job={job}
          rankChoice={ranks > 1 && <RankChoice ranks={ranks} rank={rank} onChange={setRank} />}
        />
      )}
    </Card>
  );
}

interface RankChoiceProps {
  ranks: number;
  rank: number;
  onChange: (rank: number) => void;
}

function RankChoice({ ranks, rank, onChange }: RankChoiceProps) {
  return (
    <Field label="Process" hideLabel>
      {(ids) => (
        <Select {...ids} value={rank} onChange={(event) => onChange(Number(event.target.value))}>
          {Array.from({ length: ranks }, (_, each) => (
            <option key={each} value={each}>
              Process {each}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

interface LogProps {
  text: string;
  job: Job;
  rankChoice: React.ReactNode;
}

function Log({ text, job, rankChoice }: LogProps) {
  const [query, setQuery] = useState("");
  const [wrap, setWrap] = useState(false);
  const [raw, setRaw] = useState(false);
  const [follow, setFollow] = useState(!hasEnded(job));
  const wanted = useDeferredValue(query);
  const lines = useMemo(() => linesOf(text), [text]);
  const found = useMemo(() => matching(lines, wanted), [lines, wanted]);
  const count = found?.length ?? lines.length;

  return (
    <>
      <div className="flex flex-wrap items-center gap-x-5 gap-y-2 border-b border-line px-4 py-2.5">
        <Field label="Filter the lines" hideLabel className="w-64 max-w-full">
          {(ids) => (
            <Input
              {...ids}
              type="search"
              placeholder="Filter the lines"
              value={query}
              onChange={(event) => setQuery(event.target.value)}
            />
          )}
        </Field>
        {rankChoice}
        <Checkbox
          label="Follow"
          checked={follow}
          onChange={(event) => setFollow(event.target.checked)}
        />
        <Checkbox label="Wrap" checked={wrap} onChange={(event) => setWrap(event.target.checked)} />
        <Checkbox label="Raw" checked={raw} onChange={(event) => setRaw(event.target.checked)} />
        <p className="ml-auto text-xs text-ink-faint tabular-nums" role="status">
          {found
            ? `${formatNumber(count)} of ${plural(lines.length, "line")}`
            : plural(lines.length, "line")}
        </p>
        <Button
          size="small"
          disabled={text === ""}
          onClick={() =>
            saveFile(`job-${shortId(job.id)}.log`, new Blob([text], { type: "text/plain" }))
          }
        >
          <Download size={15} aria-hidden />
          Download
        </Button>
      </div>
      {text.length > longLog && (
        <p className="border-b border-line bg-sunken px-4 py-1.5 text-xs text-ink-soft">
          Of a log longer than 4 MiB its end is shown.
        </p>
      )}
      {count === 0 ? (
        <EmptyState title={found ? "No line is like that" : "The log is empty"}>
          {found
            ? "Every word of the filter must be in the line."
            : "Its worker writes here once it starts."}
        </EmptyState>
      ) : (
        <VirtualLines
          label="Log"
          className="h-[36rem] max-h-[70dvh] py-2"
          count={count}
          wrap={wrap}
          follow={follow}
          onFollow={setFollow}
          line={(index) => <Line text={lines[found?.[index] ?? index] ?? ""} raw={raw} />}
        />
      )}
    </>
  );
}

const levelColors: Record<string, string> = {
  debug: "text-ink-faint",
  info: "text-ink-soft",
  warning: "text-warn",
  error: "text-bad",
};

function Line({ text, raw }: { text: string; raw: boolean }) {
  const record = raw ? null : recordOf(text);
  if (!record) return text === "" ? " " : text;
  return (
    <>
      <span className="text-ink-faint">{clockTime(record.time)} </span>
      <span className={levelColors[record.level] ?? "text-ink-soft"}>
        {record.level.padEnd(8)}
        {record.event.padEnd(11)}
      </span>
      {record.message && ` ${record.message}`}
      {record.fields && <span className="text-ink-soft"> {record.fields}</span>}
    </>
  );
}
