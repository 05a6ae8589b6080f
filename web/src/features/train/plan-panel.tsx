"use client";

import { CircleAlert, CircleCheck } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { Card, Stat } from "@/components/ui/card";
import { ErrorNotice, Skeleton } from "@/components/ui/states";
import { formatDuration, formatNumber, formatPercent, plural } from "@/format";
import { MemoryBar } from "./memory-bar";
import type { Plan, Planned } from "./use-plan";

/** From here on an estimate is no matter of a moment. */
const longMs = 3_000;

interface PlanPanelProps extends Planned {
  /** Why there is no plan to ask for. */
  missing: string | null;
  /** Of the error, when no field shows it. */
  unplacedError: unknown;
  fix: ReactNode;
}

/** What the job would do and take, as the hub computes it. */
export function PlanPanel(props: PlanPanelProps) {
  const { plan, error, pending, missing, unplacedError, fix } = props;
  // Figures of an earlier request stay in sight, pale, until there are others.
  const old = pending || error != null;
  return (
    <Card title="What it takes" actions={<Asking pending={pending} />}>
      {missing !== null ? (
        <p className="text-sm text-ink-soft">{missing}</p>
      ) : plan === null && unplacedError == null && pending ? (
        <Skeleton className="h-72" />
      ) : (
        <div className="space-y-4">
          <ErrorNotice error={unplacedError} title="The hub would refuse this job" />
          {plan && (
            <div aria-busy={old} className={old ? "space-y-4 opacity-50" : "space-y-4"}>
              <Fit plan={plan} />
              {fix}
              <MemoryBar plan={plan} />
              <Figures plan={plan} />
            </div>
          )}
        </div>
      )}
    </Card>
  );
}

/** The hub counts the tokens of every row; that takes a while where there are many. */
function Asking({ pending }: { pending: boolean }) {
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!pending) return;
    const timer = setTimeout(() => setLong(true), longMs);
    return () => {
      clearTimeout(timer);
      setLong(false);
    };
  }, [pending]);
  return (
    <span role="status" className="text-xs text-ink-faint">
      {pending && (long ? "Counting all tokens" : "Estimating")}
    </span>
  );
}

function Fit({ plan }: { plan: Plan }) {
  return plan.fits_memory ? (
    <p role="status" className="flex items-center gap-2 text-sm font-medium text-good">
      <CircleCheck size={17} aria-hidden />
      Fits into memory
    </p>
  ) : (
    <p role="status" className="flex items-center gap-2 text-sm font-medium text-bad">
      <CircleAlert size={17} aria-hidden />
      Does not fit into memory
    </p>
  );
}

const rowsAStep = ({ batch_size, grad_accumulation_steps, params, packed_rows }: Plan): number =>
  Math.min(packed_rows, batch_size * grad_accumulation_steps * params.data_parallel);

function Figures({ plan }: { plan: Plan }) {
  const accumulation =
    plan.grad_accumulation_steps > 1 ? ` × ${plan.grad_accumulation_steps} batches` : "";
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-3 border-t border-line pt-4">
      <Stat
        label="Time"
        value={formatDuration(plan.estimated_seconds)}
        note={
          plan.tokens_per_second === null
            ? "after a first job"
            : `at ${formatNumber(plan.tokens_per_second)} tokens/s, as last`
        }
      />
      <Stat
        label="Steps"
        value={formatNumber(plan.steps)}
        note={`${formatNumber(plan.epochs, plan.epochs % 1 === 0 ? 0 : 2)} ${plan.epochs === 1 ? "epoch" : "epochs"}`}
      />
      <Stat
        label="A step"
        value={plural(rowsAStep(plan), "row")}
        note={`${plan.batch_size} a batch${accumulation}`}
      />
      <Stat
        label="Trained parameters"
        value={formatNumber(plan.trainable_parameters)}
        note={formatPercent(plan.trainable_parameters / plan.parameters, 2)}
      />
      <Stat
        label="Rows"
        value={formatNumber(plan.rows)}
        note={`${formatNumber(plan.eval_rows)} held out`}
      />
      <Stat
        label="Tokens an epoch"
        value={formatNumber(plan.tokens)}
        note={`${formatNumber(plan.trained_tokens)} in the loss`}
      />
      {plan.skipped_rows > 0 && (
        <Stat label="Skipped" value={plural(plan.skipped_rows, "row")} note="nothing to train on" />
      )}
      {plan.packed_rows !== plan.rows && (
        <Stat label="Packed into" value={plural(plan.packed_rows, "row")} />
      )}
    </dl>
  );
}
