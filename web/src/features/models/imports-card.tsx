"use client";

import { useHub, type Schemas } from "@/api/client";
import { Card } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { formatBytes } from "@/format";

/** Nothing tells that an import began, so it is asked for; more often while one runs. */
const idleMs = 5_000;
const busyMs = 1_000;

/** What is taken in now, by this page or by anyone else. Nothing while there is none. */
export function ImportsCard() {
  const { data } = useHub(
    "/imports",
    {},
    { refreshInterval: (latest) => (latest && latest.data.length > 0 ? busyMs : idleMs) },
  );
  if (!data || data.data.length === 0) return null;
  return (
    <Card title="Being taken in" className="mb-4">
      <ul className="space-y-3">
        {data.data.map((one) => (
          <li key={one.request_id}>
            <ImportProgress running={one} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function ImportProgress({ running }: { running: Schemas["Import"] }) {
  const { name, source, stage, done_bytes, total_bytes } = running;
  const what = name ?? (source === "" ? "an archive" : source);
  return (
    <div>
      <div className="mb-1 flex flex-wrap justify-between gap-x-4 text-sm">
        <span className="min-w-0 truncate font-medium">{what}</span>
        <span className="text-ink-soft tabular-nums">
          {stage}
          {total_bytes > 0 && ` · ${formatBytes(done_bytes)} of ${formatBytes(total_bytes)}`}
        </span>
      </div>
      <Progress
        label={`Taking in ${what}: ${stage}`}
        share={total_bytes > 0 ? done_bytes / total_bytes : null}
      />
    </div>
  );
}
