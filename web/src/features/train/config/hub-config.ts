import type { Draft } from "../draft";
import { entriesOf, entryOf, paramsOf } from "../settings/params";
import { optimizerEntry, settings, settingsIn, situationOf } from "../settings/settings";
import { ConfigProblem } from "./lora-config-reader";

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The body of POST /jobs: everything the form can say, without the defaults. */
export function hubConfigOf(draft: Draft): Record<string, unknown> {
  const output = {
    ...(draft.output.trim() !== "" && { name: draft.output.trim() }),
    ...(draft.alias.trim() !== "" && { alias: draft.alias.trim() }),
  };
  const priority = Number(draft.priority);
  const timeout = Number(draft.timeout);
  return {
    type: "finetune",
    model: draft.model,
    dataset: draft.dataset,
    params: paramsOf(draft.entries).params,
    ...(Object.keys(output).length > 0 && { output }),
    ...(draft.priority.trim() !== "" && Number.isInteger(priority) && { priority }),
    ...(draft.timeout.trim() !== "" && Number.isInteger(timeout) && { timeout_seconds: timeout }),
  };
}

function textAt(config: Readonly<Record<string, unknown>>, path: readonly string[]): string {
  const value = config[path.at(-1) ?? ""] ?? "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new ConfigProblem(path, "must be a text or a number");
}

/** A draft of such a body; throws ConfigProblem. */
export function readHubConfig(config: unknown, draft: Draft): Draft {
  if (!isMapping(config)) throw new ConfigProblem([], "a job is a mapping of its fields");
  const { type = "finetune", params = {}, output = {}, ...rest } = config;
  if (type !== "finetune")
    throw new ConfigProblem(["type"], "this form makes jobs of type finetune");
  const fields = new Set(["model", "dataset", "priority", "timeout_seconds"]);
  for (const key of Object.keys(rest)) {
    if (!fields.has(key)) throw new ConfigProblem([key], "a job has no such field");
  }
  if (!isMapping(params)) throw new ConfigProblem(["params"], "must be a mapping of parameters");
  if (!isMapping(output)) throw new ConfigProblem(["output"], "must be a mapping: name, alias");
  for (const key of Object.keys(output)) {
    if (key !== "name" && key !== "alias") {
      throw new ConfigProblem(["output", key], "an output has a name and an alias");
    }
  }
  return {
    ...draft,
    model: textAt(rest, ["model"]),
    dataset: textAt(rest, ["dataset"]),
    output: textAt(output, ["output", "name"]),
    alias: textAt(output, ["output", "alias"]),
    priority: textAt(rest, ["priority"]),
    timeout: textAt(rest, ["timeout_seconds"]),
    entries: checkedEntries(params),
  };
}

/** The entries of parameters; throws ConfigProblem for what is none, or cannot be read. */
export function checkedEntries(params: Readonly<Record<string, unknown>>): Draft["entries"] {
  const entries = entriesOf(params);
  const situation = situationOf(entries);
  const shown = new Map(settingsIn(situation));
  for (const [name, value] of Object.entries(params)) {
    if (name === "optimizer_config") checkOptimizer(value, shown);
    else checkParam(name, value, shown.has(name) || (name === "scale" && situation.hasAlpha));
  }
  const [wrong] = Object.entries(paramsOf(entries).problems);
  if (wrong) throw new ConfigProblem(["params", ...wrong[0].split(".")], wrong[1] ?? "");
  return entries;
}

function checkParam(name: string, value: unknown, means: boolean): void {
  const path = ["params", name];
  const setting = Object.entries(settings).find(([known]) => known === name)?.[1];
  if (!setting) throw new ConfigProblem(path, "there is no such parameter");
  if (value == null || JSON.stringify(value) === JSON.stringify(setting.default)) return;
  if (!means) throw new ConfigProblem(path, "means nothing with the other settings");
  if (entryOf(setting, value) === null) throw new ConfigProblem(path, "is not of its kind");
  if (setting.kind === "choice" && !setting.options.some((option) => option.value === value)) {
    const words = setting.options.map((option) => option.value).join(", ");
    throw new ConfigProblem(path, `must be one of ${words}`);
  }
}

function checkOptimizer(value: unknown, shown: ReadonlyMap<string, unknown>): void {
  if (value == null) return;
  if (!isMapping(value))
    throw new ConfigProblem(["params", "optimizer_config"], "must be a mapping");
  for (const name of Object.keys(value)) {
    if (!shown.has(optimizerEntry(name))) {
      throw new ConfigProblem(
        ["params", "optimizer_config", name],
        "this optimizer has no such setting",
      );
    }
  }
}
