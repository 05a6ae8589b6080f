"use client";

import type { Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { formatBytes } from "@/format";
import { EngineControls } from "@/features/models/engine-controls";
import { modelHref } from "@/links";
import type { AdapterGroup } from "./adapter-groups";
import { AdapterRow } from "./adapter-row";

interface BaseCardProps {
  group: AdapterGroup;
  engines: Schemas["Engine"][];
}

/** A base with its adapters, and the engine that serves them all. */
export function BaseCard({ group: { base, adapters }, engines }: BaseCardProps) {
  const engine = base && engines.find((one) => one.version_id === base.id);
  return (
    <Card
      title={
        base ? (
          <span className="flex flex-wrap items-center gap-2">
            <Link
              href={modelHref(base.model, { version: base.version })}
              className="hover:text-accent-strong hover:underline"
            >
              {base.model} v{base.version}
            </Link>
            {engine && (
              <Badge tone={engine.state === "ready" ? "good" : "accent"}>
                {engine.state === "ready"
                  ? `loaded, ${formatBytes(engine.resident_bytes)}`
                  : engine.state}
              </Badge>
            )}
          </span>
        ) : (
          "Base unknown"
        )
      }
      actions={
        base && (
          <EngineControls
            value={`${base.model}:${base.version}`}
            engine={engine ?? undefined}
            small
          />
        )
      }
      flush
    >
      <ul className="divide-y divide-line">
        {adapters.map((version) => (
          <AdapterRow key={version.id} version={version} engines={engines} />
        ))}
      </ul>
    </Card>
  );
}
