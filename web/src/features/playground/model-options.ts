import type { Schemas } from "@/api/client";
import { splitModelValue } from "@/components/pickers/model-value";

type ServedModel = Schemas["ServedModel"];
type Model = Schemas["Model"];
type Engine = Schemas["Engine"];

/** A `model` value that can be asked. */
export interface ModelOption {
  value: string;
  /** What it is, in a few words. */
  note: string;
}

/**
 * Every value there is: bare names first in the server's order, then each model's versions and aliases. Models that
 * make embeddings alone answer nothing.
 */
export function modelOptions(all: ServedModel[], models: Model[]): ModelOption[] {
  const known = new Map(models.map((model) => [model.name, model]));
  const served = all.filter(({ id }) => known.get(id)?.capabilities?.completions !== false);
  const names = served.map(({ id }): ModelOption => ({ value: id, note: noteOf(known.get(id)) }));
  const precise = served.flatMap(({ id }) => {
    const model = known.get(id);
    return model ? valuesOf(model, known) : [];
  });
  return [...names, ...precise];
}

function noteOf(model: Model | undefined): string {
  if (!model) return "";
  const parts = [model.kind === "adapter" ? `adapter on ${model.base_model}` : model.kind];
  const production = model.aliases.production;
  if (production !== undefined) parts.push(`version ${production} in production`);
  if (model.chat_template === false) parts.push("no chat template");
  return parts.filter(Boolean).join(" · ");
}

function valuesOf(model: Model, known: Map<string, Model>): ModelOption[] {
  const aliases = Object.entries(model.aliases);
  const aliasNotes = (version: number): string[] =>
    aliases.filter(([, number]) => number === version).map(([alias]) => alias);
  const isAdapter = model.kind === "adapter";
  return [
    ...(isAdapter && known.has(model.base_model)
      ? [{ value: `${model.base_model}+${model.name}`, note: "base with the adapter" }]
      : []),
    ...aliases.map(([alias, version]) => ({
      value: `${model.name}@${alias}`,
      note: `now version ${version}`,
    })),
    ...model.versions
      .filter(({ state }) => state === "ready")
      .sort((one, other) => other.version - one.version)
      .map(({ version, kind }) => ({
        value: `${model.name}:${version}`,
        note: [kind, ...aliasNotes(version)].join(" · "),
      })),
  ];
}

/** Those that hold all words typed, wherever. */
export function matching(options: ModelOption[], typed: string): ModelOption[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return options.filter(({ value, note }) => {
    const text = `${value} ${note}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** How far the engine is that answers for a value: "absent" without one. Adapters run on their base's engine. */
export function engineState(value: string, models: Model[], engines: Engine[]): string {
  const { name } = splitModelValue(value);
  const base = models.find((model) => model.name === name)?.base_model;
  const engine =
    engines.find(({ model }) => model === name) ?? engines.find(({ model }) => model === base);
  return engine?.state ?? "absent";
}
