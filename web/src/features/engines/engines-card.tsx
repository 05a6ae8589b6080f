"use client";

import { Pin } from "lucide-react";
import type { Schemas } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EmptyState, SkeletonRows } from "@/components/ui/states";
import { formatBytes, plural } from "@/format";
import { formatRate } from "./rate-words";
import { useTokenRates } from "./use-token-rates";

type Engine = Schemas["Engine"];

/** The engines in short: what is loaded and how fast it answers. */
export function EnginesCard({ engines }: { engines: Engine[] | undefined }) {
  const rates = useTokenRates((engines?.length ?? 0) > 0);
  return (
    <Card
      title="Engines"
      flush
      className="min-h-63"
      actions={
        <LinkButton href="/system/" look="quiet" size="small">
          Load and unload
        </LinkButton>
      }
    >
      {!engines && <SkeletonRows rows={2} className="p-4" />}
      {engines?.length === 0 && (
        <EmptyState
          title="No model is loaded"
          action={<LinkButton href="/playground/">Open the playground</LinkButton>}
        >
          The first question to a model loads it.
        </EmptyState>
      )}
      {engines && engines.length > 0 && (
        <ul className="divide-y divide-line">
          {engines.map((engine) => (
            <EngineRow key={engine.version_id} engine={engine} rate={rates?.[engine.model]} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function EngineRow({ engine, rate }: { engine: Engine; rate: number | undefined }) {
  return (
    <li className="flex items-center gap-4 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="max-w-full truncate font-medium">{engine.model}</span>
          <StateBadge state={engine.state} />
          {engine.pinned && (
            <Badge>
              <Pin size={11} aria-hidden />
              pinned
            </Badge>
          )}
        </p>
        <p className="mt-0.5 truncate text-xs text-ink-faint tabular-nums">
          {[
            formatBytes(engine.resident_bytes),
            plural(engine.requests, "request"),
            ...(engine.adapters.length > 0 ? [plural(engine.adapters.length, "adapter")] : []),
          ].join(" · ")}
        </p>
      </div>
      <p className="w-20 shrink-0 text-right leading-tight tabular-nums">
        <span className="text-lg font-semibold">{formatRate(rate)}</span>
        <span className="block text-xs text-ink-faint">tokens/s</span>
      </p>
    </li>
  );
}
