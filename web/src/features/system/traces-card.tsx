import { Card, Facts } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/states";
import { formatNumber } from "@/format";
import { Code } from "./mlflow-card";
import type { System } from "./use-system";

/** Where spans of requests and jobs go. */
export function TracesCard({ system }: { system: System | undefined }) {
  const traces = system?.traces;
  return (
    <Card title="Traces" className="min-h-40">
      {!system && <Skeleton className="h-24" />}
      {system && !traces && (
        <p className="text-sm text-ink-soft">
          No collector is set. With <Code>otlp_endpoint</Code>, or{" "}
          <Code>OTEL_EXPORTER_OTLP_ENDPOINT</Code>, requests and jobs are told as spans.
        </p>
      )}
      {traces && (
        <Facts
          facts={[
            ["Endpoint", traces.endpoint],
            ["Exported", `${formatNumber(traces.exported_spans)} spans`],
            ["Waiting", formatNumber(traces.waiting_spans)],
            ["Dropped", `${formatNumber(traces.dropped_spans)}, the queue was full`],
            ["Failed", `${formatNumber(traces.failed_spans)}, given up or refused`],
            ["Last error", traces.last_error ?? "none"],
          ]}
        />
      )}
    </Card>
  );
}
