"use client";

import { ExternalLink } from "lucide-react";
import { useSWRConfig } from "swr";
import { useAction } from "@/api/action";
import { api, useHub, type Schemas } from "@/api/client";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, Facts } from "@/components/ui/card";
import { EmptyState } from "@/components/ui/states";
import { formatTime } from "@/format";

type Sync = NonNullable<Schemas["Model"]["mlflow"]>;

const tones: Record<Sync["state"], Tone> = { synced: "good", waiting: "warn", refused: "bad" };
const words: Record<Sync["state"], string> = {
  synced: "The MLflow server knows everything about this model.",
  waiting: "Changes wait until the MLflow server takes them.",
  refused: "The MLflow server refused a change.",
};

/** What the MLflow server knows of the model. */
export function SyncTab({ model }: { model: Schemas["Model"] }) {
  // No event tells when a server has taken what it was sent.
  const { data: fresh } = useHub(
    "/models/{id}",
    { params: { path: { id: model.id } } },
    { refreshInterval: 4_000 },
  );
  const { data: system } = useHub("/system", {}, { refreshInterval: 4_000 });
  const { mutate } = useSWRConfig();
  const retry = useAction(
    async () => {
      await api.POST("/mlflow/retry");
      await mutate((key) => Array.isArray(key) && key[1] === "/models/{id}");
    },
    { done: "What waits is sent now", failed: "The server could not be asked" },
  );
  const sync = (fresh ?? model).mlflow;
  if (!sync) {
    return (
      <Card>
        <EmptyState title="No MLflow server is set">
          With <code className="font-mono text-xs">mlx-hub serve --mlflow-uri …</code> the hub tells
          one of every model, version, alias and run, and links to them here.
        </EmptyState>
      </Card>
    );
  }
  const server = system?.mlflow;
  return (
    <Card
      title="MLflow"
      actions={
        <>
          {sync.state !== "synced" && (
            <Button size="small" busy={retry.busy} onClick={() => void retry.run()}>
              Send what waits now
            </Button>
          )}
          {sync.url && (
            <a
              href={sync.url}
              target="_blank"
              rel="noreferrer"
              className="inline-flex h-8 items-center gap-1.5 rounded-lg border border-line bg-raised px-2.5 text-sm font-medium hover:border-line-strong"
            >
              Open it in MLflow
              <ExternalLink size={14} aria-hidden />
            </a>
          )}
        </>
      }
    >
      <div aria-live="polite" className="mb-4 flex flex-wrap items-center gap-2 text-sm">
        <Badge tone={tones[sync.state]}>{sync.state}</Badge>
        {words[sync.state]}
      </div>
      <Facts
        facts={[
          ...(sync.error ? [["Why", sync.error] satisfies [string, string]] : []),
          ...(server
            ? ([
                ["Server", server.uri],
                ["Its state", server.error ? `${server.state}: ${server.error}` : server.state],
                ["Last told", formatTime(server.last_sent_at)],
                ["Waiting in all", String(server.waiting)],
              ] satisfies [string, string][])
            : []),
        ]}
      />
    </Card>
  );
}
