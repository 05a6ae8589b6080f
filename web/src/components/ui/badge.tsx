import clsx from "clsx";
import type { ReactNode } from "react";

export type Tone = "neutral" | "accent" | "good" | "warn" | "bad";

const tones: Record<Tone, string> = {
  neutral: "bg-sunken text-ink-soft",
  accent: "bg-accent-soft text-accent-strong",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
};

export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={clsx(
        "inline-flex items-center gap-1 rounded-md px-1.5 py-0.5 text-xs font-medium whitespace-nowrap",
        tones[tone],
      )}
    >
      {children}
    </span>
  );
}

const stateTones: Record<string, Tone> = {
  QUEUED: "neutral",
  RUNNING: "accent",
  COMPLETED: "good",
  FAILED: "bad",
  CANCELLED: "warn",
  pending: "neutral",
  ready: "good",
  corrupt: "bad",
  starting: "accent",
  loading: "accent",
  draining: "warn",
};

/** The state of a job, version or engine, in the hub's own word; its dot moves while something goes on. */
export function StateBadge({ state }: { state: string }) {
  const moving = state === "RUNNING" || state === "loading" || state === "starting";
  return (
    <Badge tone={stateTones[state] ?? "neutral"}>
      <span
        aria-hidden
        className={clsx("size-1.5 rounded-full bg-current", moving && "animate-pulse")}
      />
      {state.toLowerCase()}
    </Badge>
  );
}
