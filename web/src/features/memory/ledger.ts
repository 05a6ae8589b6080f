import type { Schemas } from "@/api/client";

type Memory = Schemas["System"]["memory"];

/** Who holds memory: an engine by its model's name, a job by its id, or something of a later hub. */
export type HolderKind = "engine" | "job" | "other";

export interface Holder {
  /** Of the line; unique also where two lines have one owner. */
  key: string;
  kind: HolderKind;
  /** The model's name, the job's id, or the owner as it is. */
  name: string;
  /** One of the theme's six colours for lines. */
  color: number;
  estimatedBytes: number;
  reservedBytes: number;
  measuredBytes: number;
  peakBytes: number;
}

export interface Ledger {
  holders: Holder[];
  budgetBytes: number;
  reservedBytes: number;
  promisedBytes: number;
  freeBytes: number;
  /** Of the budget neither reserved nor free: other programs hold it. */
  elsewhereBytes: number;
  /** What the whole bar stands for; more than the budget where more than that is reserved. */
  totalBytes: number;
}

const colors = 6;

export function readLedger(memory: Memory): Ledger {
  const seen = new Map<string, number>();
  const taken = new Set<number>();
  const holders = memory.lines.map((line): Holder => {
    const owner = line.owner ?? "";
    const times = seen.get(owner) ?? 0;
    seen.set(owner, times + 1);
    return {
      ...readOwner(owner),
      key: times === 0 ? owner : `${owner} ${times + 1}`,
      color: pickColor(owner, taken),
      estimatedBytes: line.estimated_bytes ?? 0,
      reservedBytes: line.reserved_bytes ?? 0,
      measuredBytes: line.measured_bytes ?? 0,
      peakBytes: line.peak_bytes ?? 0,
    };
  });
  const totalBytes = Math.max(memory.budget_bytes, memory.reserved_bytes);
  return {
    holders,
    budgetBytes: memory.budget_bytes,
    reservedBytes: memory.reserved_bytes,
    promisedBytes: memory.promised_bytes,
    freeBytes: memory.free_bytes,
    elsewhereBytes: Math.max(0, totalBytes - memory.reserved_bytes - memory.free_bytes),
    totalBytes,
  };
}

function readOwner(owner: string): { kind: HolderKind; name: string } {
  for (const kind of ["engine", "job"] as const) {
    if (owner.startsWith(`${kind} `)) return { kind, name: owner.slice(kind.length + 1) };
  }
  return { kind: "other", name: owner };
}

/** An owner's own colour, or the next one that no other holder has: others coming and going seldom change it. */
function pickColor(owner: string, taken: Set<number>): number {
  let hash = 0;
  for (const letter of owner) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  for (let step = 0; step < colors; step += 1) {
    const color = ((hash + step) % colors) + 1;
    if (!taken.has(color)) {
      taken.add(color);
      return color;
    }
  }
  return (hash % colors) + 1;
}
