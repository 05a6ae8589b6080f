import type { Schemas } from "@/api/client";
import { readLedger } from "@/features/memory/ledger";

type Memory = Schemas["System"]["memory"];
type Engine = Pick<Schemas["Engine"], "model" | "requests" | "pinned" | "idle_seconds">;

export type MemoryFit =
  | { kind: "now" }
  /** These engines have to go first, in this order. */
  | { kind: "after_unloading"; models: string[] }
  | { kind: "after_jobs" }
  | { kind: "machine_full" }
  | { kind: "never" };

/**
 * Whether something that needs `required` bytes can be loaded, and what has to go for it. The hub itself unloads
 * engines that are idle and not pinned, the longest idle first; those in use or pinned are named last.
 */
export function memoryFit(required: number, memory: Memory, engines: readonly Engine[]): MemoryFit {
  if (required > memory.budget_bytes) return { kind: "never" };
  if (required <= memory.free_bytes) return { kind: "now" };
  const { holders } = readLedger(memory);
  let free = memory.free_bytes;
  const models: string[] = [];
  for (const engine of [...engines].sort(byReadinessToGo)) {
    const at = holders.findIndex(({ kind, name }) => kind === "engine" && name === engine.model);
    const [holder] = at < 0 ? [] : holders.splice(at, 1);
    if (!holder) continue;
    free += holder.reservedBytes;
    models.push(engine.model);
    if (required <= free) return { kind: "after_unloading", models };
  }
  const held = holders.reduce((sum, { reservedBytes }) => sum + reservedBytes, 0);
  return required <= free + held ? { kind: "after_jobs" } : { kind: "machine_full" };
}

function byReadinessToGo(a: Engine, b: Engine): number {
  const held = (engine: Engine): number => (engine.pinned ? 2 : 0) + (engine.requests > 0 ? 1 : 0);
  return held(a) - held(b) || b.idle_seconds - a.idle_seconds;
}

/** The same in words. */
export function fitWords(fit: MemoryFit): string {
  switch (fit.kind) {
    case "now":
      return "Fits now";
    case "after_unloading":
      return `Fits when ${fit.models.join(" and ")} ${fit.models.length === 1 ? "is" : "are"} unloaded`;
    case "after_jobs":
      return "Fits when the running job has ended";
    case "machine_full":
      return "Other programs leave too little memory";
    case "never":
      return "Needs more than the budget";
  }
}
