import clsx from "clsx";
import type { Schemas } from "@/api/client";
import { formatBytes } from "@/format";
import { fitWords, memoryFit, type MemoryFit } from "./memory-fit";

export interface Circumstances {
  engines: Schemas["Engine"][];
  /** Undefined until it is known. */
  memory: Schemas["System"]["memory"] | undefined;
}

interface MemoryFitBarProps extends Circumstances {
  required: number | null | undefined;
  /** The engine that serves it already. */
  engine: Schemas["Engine"] | undefined;
}

const tones: Record<MemoryFit["kind"], string> = {
  now: "bg-good",
  after_unloading: "bg-warn",
  after_jobs: "bg-warn",
  machine_full: "bg-warn",
  never: "bg-bad",
};

/** What serving takes of the memory budget, with what is reserved already in front of it, and in words. */
export function MemoryFitBar({ required, engine, engines, memory }: MemoryFitBarProps) {
  if (engine) {
    return (
      <Bar
        words={engine.state === "ready" ? "Loaded" : "Loading"}
        figure={formatBytes(engine.resident_bytes)}
        tone="bg-accent"
        before={0}
        share={memory ? engine.resident_bytes / memory.budget_bytes : 0}
      />
    );
  }
  if (required == null || !memory) {
    return <Bar words="Not known yet" figure="–" tone="" before={0} share={0} />;
  }
  const fit = memoryFit(required, memory, engines);
  return (
    <Bar
      words={fitWords(fit)}
      figure={`${formatBytes(required)} of ${formatBytes(memory.budget_bytes)}`}
      tone={tones[fit.kind]}
      before={memory.reserved_bytes / memory.budget_bytes}
      share={required / memory.budget_bytes}
    />
  );
}

interface BarProps {
  words: string;
  figure: string;
  tone: string;
  /** Share of the budget that is reserved for others. */
  before: number;
  share: number;
}

function Bar({ words, figure, tone, before, share }: BarProps) {
  const start = Math.min(1, before);
  const width = Math.min(1 - start, share);
  const percent = (part: number): string => `${(part * 100).toFixed(2)}%`;
  return (
    <div className="min-w-40">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3 text-xs">
        <span>{words}</span>
        <span className="whitespace-nowrap text-ink-faint tabular-nums">{figure}</span>
      </div>
      <div
        aria-hidden
        title={start > 0 ? "Grey: reserved already" : undefined}
        className="mt-1 flex h-1.5 overflow-hidden rounded-full bg-sunken"
      >
        {start > 0 && <div className="bg-line-strong/50" style={{ width: percent(start) }} />}
        {/* Something that does not fit behind what is reserved reaches the end. */}
        {share > 0 && <div className={clsx("min-w-1", tone)} style={{ width: percent(width) }} />}
      </div>
    </div>
  );
}
