"use client";

import { StateBadge } from "@/components/ui/badge";
import { Link } from "@/components/ui/link";
import { Progress } from "@/components/ui/progress";
import { Table, Td, Th } from "@/components/ui/table";
import { formatNumber, formatTime } from "@/format";
import { hasFigures, whyNotComparable } from "./comparable";
import { judgedBy, taskOf, tasks, type Evaluation } from "./metrics";
import { datasetHref, jobHref, modelHref } from "@/links";
import { useProgress } from "./use-progress";

/** Columns that a phone has no room for; what they say stands below the model there. */
const wide = "hidden md:table-cell";

interface EvaluationTableProps {
  evaluations: Evaluation[];
  /** Ids, in the order in which they were chosen. */
  chosen: readonly string[];
  onChoose: (chosen: string[]) => void;
}

/** Evaluations with the figures of their tasks; those that go together can be chosen for a comparison. */
export function EvaluationTable({ evaluations, chosen, onChoose }: EvaluationTableProps) {
  const progress = useProgress();
  const first = evaluations.find(({ id }) => id === chosen[0]);
  return (
    <Table label="Evaluations">
      <thead>
        <tr>
          <Th className="w-8">
            <span className="sr-only">Compare</span>
          </Th>
          <Th>Model</Th>
          <Th className={wide}>Data set</Th>
          <Th className={wide}>Task</Th>
          <Th>Figures</Th>
          <Th numeric className={wide}>
            Rows
          </Th>
          <Th>State</Th>
          <Th className={wide}>Created</Th>
        </tr>
      </thead>
      <tbody>
        {evaluations.map((evaluation) => (
          <EvaluationRow
            key={evaluation.id}
            evaluation={evaluation}
            share={progress.get(evaluation.job_id)}
            chosen={chosen.includes(evaluation.id)}
            obstacle={whyNotComparable(first ?? evaluation, evaluation) ?? unfinished(evaluation)}
            onChoose={(on) =>
              onChoose(
                on ? [...chosen, evaluation.id] : chosen.filter((id) => id !== evaluation.id),
              )
            }
          />
        ))}
      </tbody>
    </Table>
  );
}

const unfinished = (evaluation: Evaluation): string | null =>
  hasFigures(evaluation) ? null : "It has no figures";

interface EvaluationRowProps {
  evaluation: Evaluation;
  share: number | undefined;
  chosen: boolean;
  /** Why it cannot be chosen. */
  obstacle: string | null;
  onChoose: (chosen: boolean) => void;
}

function EvaluationRow({ evaluation, share, chosen, obstacle, onChoose }: EvaluationRowProps) {
  const { model_version: version, dataset, state, metrics } = evaluation;
  const task = taskOf(evaluation);
  const taskLabel = tasks.find(({ id }) => id === task)?.label;
  const name = version ? `${version.model} version ${version.version}` : evaluation.model;
  return (
    <tr className="hover:bg-sunken">
      <Td>
        <input
          type="checkbox"
          checked={chosen}
          disabled={obstacle !== null && !chosen}
          title={obstacle ?? undefined}
          aria-label={`Compare ${name} on ${dataset?.name ?? "removed data"}`}
          onChange={(event) => onChoose(event.target.checked)}
          className="size-4 accent-accent align-middle"
        />
      </Td>
      <Td>
        {version ? (
          <Link
            href={modelHref(version.model, { version: version.version })}
            className="font-medium hover:underline"
          >
            {version.model}
            <span className="text-ink-faint">:{version.version}</span>
          </Link>
        ) : (
          evaluation.model
        )}
        <span className="block text-xs text-ink-faint md:hidden">
          {dataset?.name ?? "removed data"}, {taskLabel}
        </span>
      </Td>
      <Td className={wide}>
        {dataset?.name ? (
          <Link href={datasetHref(dataset.name)} className="hover:underline">
            {dataset.name}
          </Link>
        ) : (
          <span className="text-ink-faint">removed</span>
        )}
      </Td>
      <Td className={`${wide} whitespace-nowrap`}>{taskLabel}</Td>
      <Td>
        <Figures evaluation={evaluation} share={share} />
      </Td>
      <Td numeric className={wide}>
        {formatNumber(metrics.rows)}
      </Td>
      <Td>
        {state && (
          <Link href={jobHref(evaluation.job_id)} title="The job that measures">
            <StateBadge state={state} />
          </Link>
        )}
      </Td>
      <Td className={`${wide} whitespace-nowrap text-ink-soft`}>
        {formatTime(evaluation.created_at)}
      </Td>
    </tr>
  );
}

/** The figures, or how far they are, or why there are none. */
function Figures({ evaluation, share }: { evaluation: Evaluation; share: number | undefined }) {
  const { state, reason, metrics } = evaluation;
  if (state === null && !hasFigures(evaluation)) {
    return <span className="text-xs text-ink-soft">Its job was removed</span>;
  }
  if (state === "RUNNING") {
    return <Progress label="Evaluation" share={share ?? null} className="min-w-32" />;
  }
  if (state === "FAILED" || state === "CANCELLED" || state === "QUEUED") {
    return (
      <span className="block max-w-72 truncate text-xs text-ink-soft" title={reason ?? undefined}>
        {reason?.replaceAll("_", " ")}
      </span>
    );
  }
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-0.5">
      {judgedBy(taskOf(evaluation)).map(({ name, label, format }) => (
        <li key={name} className="whitespace-nowrap">
          <span className="text-xs text-ink-faint">{label}</span>{" "}
          <span className="font-medium tabular-nums">{format(metrics[name])}</span>
        </li>
      ))}
    </ul>
  );
}
