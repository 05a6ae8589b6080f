import type { Schemas } from "@/api/client";

/** A `model` value taken apart: the model's name, and behind it the version (":3", "@production", "+adapter"). */
export function splitModelValue(value: string): { name: string; version: string } {
  const at = value.search(/[:@+]/);
  return at < 0
    ? { name: value, version: "" }
    : { name: value.slice(0, at), version: value.slice(at) };
}

export interface ModelGroup {
  label: string;
  models: Schemas["Model"][];
}

/** By what one gets: bases and what was made of them first, adapters after. */
export function groupedModels(models: readonly Schemas["Model"][]): ModelGroup[] {
  const byName = [...models].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const groups: ModelGroup[] = [
    { label: "Models", models: byName.filter(({ kind }) => kind !== "adapter") },
    { label: "Adapters, with their base", models: byName.filter(({ kind }) => kind === "adapter") },
  ];
  return groups.filter((group) => group.models.length > 0);
}

/** What can stand behind a model's name, with words for it. */
export function versionChoices(model: Schemas["Model"]): { value: string; label: string }[] {
  const aliases = Object.entries(model.aliases).map(([alias, version]) => ({
    value: `@${alias}`,
    label: `${alias} (now version ${version})`,
  }));
  const versions = [...model.versions]
    .sort((a, b) => b.version - a.version)
    .map(({ version, kind, state }) => ({
      value: `:${version}`,
      label: `version ${version}, ${kind}${state === "ready" ? "" : `, ${state}`}`,
    }));
  const usual = "production" in model.aliases ? "production" : "newest";
  return [{ value: "", label: usual }, ...aliases, ...versions];
}
