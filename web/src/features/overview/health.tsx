"use client";

import clsx from "clsx";
import { useHub } from "@/api/client";
import { OfflineError, messageOf } from "@/api/errors";
import { LinkButton } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/states";
import type { System } from "@/features/system/use-system";
import { formatNumber, plural } from "@/format";

/** Whether the hub would serve a request, and the figures that say how busy it is. */
export function Health({ system }: { system: System | undefined }) {
  const { data, error } = useHub("/readyz", {}, { refreshInterval: 10_000 });
  return (
    <section
      aria-label="Health"
      className="mb-4 flex min-h-16 flex-wrap items-center gap-x-8 gap-y-3 rounded-xl border border-line bg-surface px-4 py-3"
    >
      <div role="status" className="flex min-w-48 items-center gap-3">
        {!data && !error ? (
          <Skeleton className="h-6 w-40" />
        ) : (
          <Verdict ready={!error} error={error} />
        )}
      </div>
      <Figures system={system} />
      {error && !(error instanceof OfflineError) && (
        <p className="basis-full text-sm break-words text-bad">
          {messageOf(error)}{" "}
          <LinkButton href="/settings/" size="small">
            Settings
          </LinkButton>
        </p>
      )}
    </section>
  );
}

function Verdict({ ready, error }: { ready: boolean; error: unknown }) {
  const words = ready
    ? "Ready to serve"
    : error instanceof OfflineError
      ? "Not reachable"
      : "Not ready";
  return (
    <>
      <span aria-hidden className={clsx("size-3 rounded-full", ready ? "bg-good" : "bg-bad")} />
      <span className="font-semibold">{words}</span>
    </>
  );
}

/** As wide and high before the figures are known. */
function Figures({ system }: { system: System | undefined }) {
  const requests = system?.engines.reduce((sum, engine) => sum + engine.requests, 0);
  const jobs = (state: "RUNNING" | "QUEUED"): string =>
    system ? plural(system.jobs[state] ?? 0, "job") : "– jobs";
  const figures: [name: string, value: string][] = [
    ["Engines", formatNumber(system?.engines.length)],
    ["Requests", formatNumber(requests)],
    ["Running", jobs("RUNNING")],
    ["Queued", jobs("QUEUED")],
    ["Version", system?.version ?? "–"],
  ];
  const temperature = system?.temperature;
  if (temperature?.celsius != null) {
    const words = `${formatNumber(temperature.celsius)} °C${temperature.resting ? ", jobs rest" : ""}`;
    figures.push(["Temperature", words]);
  }
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-2 text-sm">
      {figures.map(([name, value]) => (
        <div key={name} className="flex gap-2">
          <dt className="text-ink-faint">{name}</dt>
          <dd className="min-w-6 font-medium tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
