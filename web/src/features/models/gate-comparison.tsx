import clsx from "clsx";
import { messageOf } from "@/api/errors";
import { formatFigure } from "@/format";
import { lowerIsBetter, type GateOutcome } from "./alias-gate";

interface GateComparisonProps {
  metric: string;
  /** Numbers of versions. */
  candidate: number;
  rival: { alias: string; version: number | null };
  outcome: GateOutcome;
  /** What the hub said when it did not move the alias. */
  refusal: unknown;
}

const words: Record<GateOutcome["verdict"], string> = {
  passes: "Not worse: the gate lets it pass",
  holds: "Worse: the gate holds it back",
  undecided: "One of them has no such figure: evaluate it first",
};

/** Both figures of a gate side by side, before it is asked and after it refused. */
export function GateComparison(props: GateComparisonProps) {
  const { metric, candidate, rival, outcome, refusal } = props;
  const { mine, theirs } = outcome;
  const refused = refusal != null;
  const bad = refused || outcome.verdict !== "passes";
  return (
    <div
      role={refused ? "alert" : "status"}
      className={clsx(
        "rounded-lg border px-4 py-3 text-sm",
        bad ? "border-warn/50 bg-warn-soft" : "border-line bg-sunken",
      )}
    >
      <dl className="grid grid-cols-3 gap-3">
        <Figure label={`version ${candidate}`} value={formatFigure(mine)} />
        <Figure
          label={rival.version == null ? rival.alias : `${rival.alias} (v${rival.version})`}
          value={formatFigure(theirs)}
        />
        <Figure
          label="difference"
          value={mine == null || theirs == null ? "–" : signed(mine - theirs)}
        />
      </dl>
      <p className={clsx("mt-2", bad ? "font-medium text-warn" : "text-ink-soft")}>
        {refused ? "The alias was not moved." : `${words[outcome.verdict]}.`}{" "}
        <span className="font-normal text-ink-soft">
          Of {metric}, {lowerIsBetter(metric) ? "lower" : "higher"} is better.
        </span>
      </p>
      {refused && <p className="mt-1 break-words text-ink">{messageOf(refusal)}</p>}
    </div>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div className="min-w-0">
      <dt className="truncate text-xs text-ink-soft">{label}</dt>
      <dd className="text-lg font-semibold tabular-nums">{value}</dd>
    </div>
  );
}

const signed = (value: number): string => (value > 0 ? "+" : "") + formatFigure(value);
