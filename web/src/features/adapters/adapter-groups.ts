import type { Schemas } from "@/api/client";

type Version = Schemas["Version"];

export interface AdapterGroup {
  /** What the adapters go on; null when the hub no longer knows. */
  base: Version["base"];
  adapters: Version[];
}

/** Adapters by the version that they go on, bases by name; within a base as they came: newest first. */
export function groupByBase(versions: readonly Version[]): AdapterGroup[] {
  const groups = new Map<string, AdapterGroup>();
  for (const version of versions) {
    const key = version.base?.id ?? "";
    const group = groups.get(key) ?? { base: version.base, adapters: [] };
    group.adapters.push(version);
    groups.set(key, group);
  }
  return [...groups.values()].sort(
    (a, b) =>
      (a.base?.model ?? "").localeCompare(b.base?.model ?? "") ||
      (b.base?.version ?? 0) - (a.base?.version ?? 0),
  );
}

/** Whether a search means an adapter: its name, an alias, or the name of its base holds the text. */
export function isMeant(version: Version, text: string): boolean {
  const part = text.trim().toLowerCase();
  return [version.model, version.base?.model ?? "", ...version.aliases].some((name) =>
    name.toLowerCase().includes(part),
  );
}
