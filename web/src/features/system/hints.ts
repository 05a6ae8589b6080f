import type { Tone } from "@/components/ui/badge";
import { formatBytes, formatNumber, plural } from "@/format";
import type { System } from "./use-system";

export interface Hint {
  key: string;
  tone: Extract<Tone, "warn" | "bad">;
  /** What is so. */
  title: string;
  /** What to do about it. */
  advice: string;
}

const tightShare = 0.05;
const nearLimitCelsius = 5;

/** What of the hub's state somebody should know and can do something about; the worst first. */
export function systemHints(system: System): Hint[] {
  const hints = [
    ...memoryHints(system),
    ...temperatureHints(system),
    ...mlflowHints(system),
    ...traceHints(system),
  ];
  return hints.sort((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad"));
}

function memoryHints({ memory }: System): Hint[] {
  const hints: Hint[] = [];
  const elsewhere = memory.budget_bytes - memory.reserved_bytes - memory.free_bytes;
  if (memory.reserved_bytes > memory.budget_bytes) {
    hints.push({
      key: "over-budget",
      tone: "bad",
      title: `${formatBytes(memory.reserved_bytes - memory.budget_bytes)} more than the budget is reserved`,
      advice: "A worker took more than was estimated. Nothing new starts until one of them ends.",
    });
  } else if (memory.free_bytes < tightShare * memory.budget_bytes) {
    hints.push({
      key: "tight",
      tone: "warn",
      title: `Only ${formatBytes(memory.free_bytes)} are free for a new load or job`,
      advice:
        elsewhere > memory.budget_bytes / 4
          ? `Other programs hold ${formatBytes(elsewhere)} of the budget: close some of them.`
          : "Unload an engine, or wait for a job to end.",
    });
  }
  for (const line of memory.lines) {
    const over = (line.peak_bytes ?? 0) - (line.estimated_bytes ?? 0);
    if (over > tightShare * (line.estimated_bytes ?? 0) && over > 64 * 1024 * 1024) {
      hints.push({
        key: `estimate ${line.owner ?? ""}`,
        tone: "warn",
        title: `${line.owner ?? "A worker"} took ${formatBytes(over)} more than was estimated`,
        advice: "The ledger goes by what was measured since. Please report the model and settings.",
      });
    }
  }
  return hints;
}

function temperatureHints({ temperature }: System): Hint[] {
  const { celsius, limit_celsius: limit, resting } = temperature;
  if (resting) {
    return [
      {
        key: "resting",
        tone: "warn",
        title: `Jobs rest: the machine has reached ${formatNumber(limit)} °C`,
        advice: "They go on by themselves when it has cooled. Give it air, or raise the limit.",
      },
    ];
  }
  if (celsius != null && limit > 0 && celsius > limit - nearLimitCelsius) {
    return [
      {
        key: "warm",
        tone: "warn",
        title: `${formatNumber(celsius)} °C, and jobs rest from ${formatNumber(limit)} °C on`,
        advice: "Give the machine air, or expect pauses in training.",
      },
    ];
  }
  return [];
}

function mlflowHints({ mlflow }: System): Hint[] {
  if (!mlflow) return [];
  const hints: Hint[] = [];
  if (mlflow.state === "unreachable") {
    hints.push({
      key: "mlflow-unreachable",
      tone: "bad",
      title: "MLflow cannot be reached",
      advice: `${mlflow.error ?? "It does not answer."} What it was not told yet waits and is sent later.`,
    });
  }
  if (mlflow.refused > 0) {
    hints.push({
      key: "mlflow-refused",
      tone: "warn",
      title: `MLflow refused ${plural(mlflow.refused, "change")}`,
      advice: "The outbox below says why; try again when that is mended.",
    });
  }
  if (!mlflow.verified) {
    hints.push({
      key: "mlflow-unverified",
      tone: "warn",
      title: "MLflow's certificate is not looked at",
      advice:
        "Somebody between could read along. Leave mlflow_insecure_tls out once its certificate is good.",
    });
  }
  return hints;
}

function traceHints({ traces }: System): Hint[] {
  if (!traces || traces.dropped_spans + traces.failed_spans === 0) return [];
  const lost = traces.dropped_spans + traces.failed_spans;
  return [
    {
      key: "spans",
      tone: "warn",
      title: `${plural(lost, "span")} of traces were lost`,
      advice: traces.last_error ?? "The collector was slower than the hub: the queue was full.",
    },
  ];
}
