"use client";

import { Card, Facts } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { EmptyState } from "@/components/ui/states";
import { formatBytes, formatDuration, formatFigure, formatNumber } from "@/format";
import { modelHref } from "@/links";
import { valueText } from "./value-text";
import { hasEnded, type Job } from "./job";

/** Folders of the hub's own. */
const inner = /_folder$|^folder$/;

/** What a job came to, as its worker told it at its end. */
export default function ResultTab({ job }: { job: Job }) {
  const details = Object.entries(job.details) as [string, unknown][];
  const told = details.filter(([name, value]) => !inner.test(name) && value !== null);
  if (told.length === 0 && !job.result) {
    return (
      <Card>
        <EmptyState title={hasEnded(job) ? "No result" : "No result yet"}>
          {hasEnded(job)
            ? "It ended before it came to one. The events say what happened."
            : "It is here when the job has ended."}
        </EmptyState>
      </Card>
    );
  }
  return (
    <Card title="What it came to">
      <Facts
        facts={[
          ...(job.result ? [["Made", <Made key="made" result={job.result} />] as const] : []),
          ...(job.type === "evaluate"
            ? [
                [
                  "Evaluation",
                  <Link
                    key="evaluation"
                    href="/evaluations/"
                    className="text-accent hover:underline"
                  >
                    All evaluations
                  </Link>,
                ] as const,
              ]
            : []),
          ...told.map(([name, value]) => [nameWords(name), valueOf(name, value)] as const),
        ].map(([name, value]): [string, React.ReactNode] => [name, value])}
      />
    </Card>
  );
}

function Made({ result }: { result: NonNullable<Job["result"]> }) {
  return (
    <Link href={modelHref(result.model)} className="text-accent hover:underline">
      {result.model} v{result.version}
    </Link>
  );
}

const known: Record<string, string> = {
  train_loss: "Training loss",
  eval_loss_before: "Validation loss before",
  eval_loss_after: "Validation loss after",
  grad_accumulation_steps: "Batches of a step",
  ranks: "Processes",
  seconds: "Time of its work",
  stop_reason: "Ended because of",
};

/** "best_step" → "Best step". */
function nameWords(name: string): string {
  if (known[name]) return known[name];
  const words = name.replace(/_bytes$|_seconds$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function valueOf(name: string, value: unknown): React.ReactNode {
  if (typeof value !== "number") {
    return typeof value === "string" ? (
      value.replaceAll("_", " ")
    ) : (
      <code className="font-mono text-xs break-all">{valueText(value)}</code>
    );
  }
  if (name.endsWith("_bytes")) return formatBytes(value);
  if (name === "seconds" || name.endsWith("_seconds")) return formatDuration(value);
  return Number.isInteger(value) ? formatNumber(value) : formatFigure(value);
}
