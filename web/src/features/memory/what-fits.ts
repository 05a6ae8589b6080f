import type { Schemas } from "@/api/client";

type Model = Pick<
  Schemas["Model"],
  "id" | "name" | "kind" | "state" | "memory_required_bytes" | "versions"
>;

export interface Fitting {
  /** Models that could be loaded now, the largest first. */
  fit: { id: string; name: string; bytes: number }[];
  /** How many need more than is free. */
  tooLarge: number;
}

/** Which models could be loaded beside what is there. Adapters run in their base's engine and are left out. */
export function whatFits(
  models: Model[],
  freeBytes: number,
  loadedVersionIds: ReadonlySet<string>,
): Fitting {
  const fit: Fitting["fit"] = [];
  let tooLarge = 0;
  for (const { id, name, kind, state, memory_required_bytes: bytes, versions } of models) {
    const loaded = versions.some((version) => loadedVersionIds.has(version.id));
    if (state !== "ready" || kind === "adapter" || bytes == null || loaded) continue;
    if (bytes <= freeBytes) fit.push({ id, name, bytes });
    else tooLarge += 1;
  }
  return { fit: fit.sort((a, b) => b.bytes - a.bytes), tooLarge };
}
