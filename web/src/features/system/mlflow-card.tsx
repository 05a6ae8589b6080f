"use client";

import { RefreshCw } from "lucide-react";
import { api, useHub, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, Facts } from "@/components/ui/card";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatAge, formatNumber, formatTime, shortId } from "@/format";
import type { System } from "./use-system";

type Mlflow = NonNullable<Schemas["Mlflow"]>;

/** The MLflow server that is told of everything, and what it was not told yet. */
export function MlflowCard({ system }: { system: System | undefined }) {
  return (
    <Card title="MLflow" flush className="min-h-40">
      {!system && <SkeletonRows rows={3} className="p-4" />}
      {system && !system.mlflow && (
        <p className="p-4 text-sm text-ink-soft">
          No MLflow server is set. Start the hub with <Code>mlflow_uri</Code> in its configuration,
          or <Code>MLFLOW_TRACKING_URI</Code>, and it is told of models, versions and runs.
        </p>
      )}
      {system?.mlflow && <Connected mlflow={system.mlflow} />}
    </Card>
  );
}

export function Code({ children }: { children: string }) {
  return <code className="rounded bg-sunken px-1 py-0.5 font-mono text-xs">{children}</code>;
}

const tones: Record<Mlflow["state"], Tone> = {
  starting: "neutral",
  connected: "good",
  unreachable: "bad",
};

function Connected({ mlflow }: { mlflow: Mlflow }) {
  const outbox = useHub("/mlflow", {}, { refreshInterval: mlflow.waiting > 0 ? 5_000 : 0 });
  const retry = useAction(
    async () => {
      await api.POST("/mlflow/retry");
      await outbox.mutate();
    },
    { done: "Everything that waits is tried again", failed: "MLflow was not tried again" },
  );
  const entries = mlflow.waiting > 0 ? (outbox.data?.data ?? []) : [];
  return (
    <>
      <div className="space-y-4 p-4">
        <Facts
          facts={[
            [
              "Server",
              <a
                key="server"
                href={mlflow.uri}
                rel="noreferrer"
                target="_blank"
                className="underline"
              >
                {mlflow.uri}
              </a>,
            ],
            [
              "State",
              <Badge key="state" tone={tones[mlflow.state]}>
                {mlflow.state}
              </Badge>,
            ],
            ["Version", mlflow.version ?? "not known yet"],
            ["Certificate", mlflow.verified ? "looked at, where it has one" : "not looked at"],
            ["Last told", mlflow.last_sent_at ? formatAge(mlflow.last_sent_at) : "nothing yet"],
            [
              "Waiting",
              `${formatNumber(mlflow.waiting)}${mlflow.refused > 0 ? `, ${formatNumber(mlflow.refused)} of them refused` : ""}${mlflow.oldest ? `, the oldest since ${formatTime(mlflow.oldest)}` : ""}`,
            ],
          ]}
        />
        {mlflow.error && <p className="text-sm break-words text-bad">{mlflow.error}</p>}
        <ErrorNotice error={outbox.error} title="The outbox could not be read" />
        <Button
          size="small"
          busy={retry.busy}
          disabled={mlflow.waiting === 0}
          onClick={() => void retry.run()}
        >
          <RefreshCw size={14} aria-hidden />
          Try everything now
        </Button>
      </div>
      {entries.length > 0 && <Outbox entries={entries} />}
    </>
  );
}

function Outbox({ entries }: { entries: Schemas["MlflowOutbox"]["data"] }) {
  return (
    <Table label="What MLflow was not told yet, the oldest first">
      <thead>
        <tr>
          <Th>Object</Th>
          <Th>Since</Th>
          <Th numeric>Refused</Th>
          <Th>Next attempt</Th>
          <Th>Why</Th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => {
          const [kind = "", id = ""] = entry.object.split(":");
          return (
            <tr key={entry.object}>
              <Td className="whitespace-nowrap">
                {kind} <code className="font-mono text-xs">{shortId(id)}</code>
              </Td>
              <Td className="whitespace-nowrap tabular-nums">{formatTime(entry.since)}</Td>
              <Td numeric>{formatNumber(entry.attempts)}</Td>
              <Td className="whitespace-nowrap tabular-nums">
                {entry.next_attempt_at ? formatTime(entry.next_attempt_at) : "as soon as it can"}
              </Td>
              <Td className="min-w-60 break-words">{entry.error ?? "its turn has not come"}</Td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}
