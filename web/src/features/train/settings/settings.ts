import { batchSettings } from "./batches";
import { checkSettings } from "./checks";
import { learningRateSettings } from "./learning-rate";
import { methodSettings } from "./method";
import { optimizerSettings } from "./optimizers";
import type { Entries, Entry, Group, ParamName, Setting, Situation } from "./setting";

/** Every parameter of a fine-tuning job but `optimizer_config`, whose settings depend on the optimizer. */
export const settings: Readonly<Record<Exclude<ParamName, "optimizer_config">, Setting>> = {
  ...methodSettings,
  ...learningRateSettings,
  ...batchSettings,
  ...checkSettings,
};

/** Where mlx-lm's defaults are not ours (`compat`). */
const compatDefaults: Readonly<Partial<Record<string, Entry>>> = {
  optimizer: "adam",
  learning_rate: "0.00001",
  lr_schedule: "constant",
  decay_vectors: true,
};

const optimizerPrefix = "optimizer_config.";

export const optimizerEntry = (name: string): string => optimizerPrefix + name;
export const isOptimizerEntry = (name: string): boolean => name.startsWith(optimizerPrefix);

/** A default in the form in which it would be entered; blank where it is no value. */
export function defaultEntry(name: string, setting: Setting, situation: Situation): Entry {
  const other = situation.compat ? compatDefaults[name] : undefined;
  if (other !== undefined) return other;
  switch (setting.kind) {
    case "number":
      return typeof setting.default === "number" ? String(setting.default) : "";
    case "choice":
    case "flag":
      return setting.default;
    case "names":
      return "";
    case "texts":
      return [];
    case "pair":
      return setting.default.join(", ");
  }
}

const chosen = (entries: Entries, name: string, otherwise: string): string => {
  const entry = entries[name];
  return typeof entry === "string" && entry !== "" ? entry : otherwise;
};

/** What the settings on which others depend are. */
export function situationOf(entries: Entries): Situation {
  const objective = chosen(entries, "objective", "sft");
  const compat = entries.compat === true && objective === "sft";
  return {
    method: chosen(entries, "method", "lora"),
    objective,
    lossType: chosen(entries, "loss_type", "sigmoid"),
    optimizer: chosen(entries, "optimizer", compat ? "adam" : "adamw"),
    schedule: chosen(entries, "lr_schedule", compat ? "constant" : "cosine"),
    hasAlpha: chosen(entries, "alpha", "").trim() !== "",
    compat,
  };
}

/** The settings that mean something in a situation, by the names of their entries. */
export function settingsIn(situation: Situation): [name: string, setting: Setting][] {
  const own = Object.entries(optimizerSettings[situation.optimizer] ?? {}).map(
    ([name, setting]): [string, Setting] => [optimizerEntry(name), setting],
  );
  return [...Object.entries(settings), ...own].filter(
    ([, setting]) => setting.when?.(situation) ?? true,
  );
}

export const groups: readonly { id: Group; title: string; advanced: boolean }[] = [
  { id: "method", title: "What is trained", advanced: false },
  { id: "rate", title: "Learning rate", advanced: false },
  { id: "batches", title: "Batches and length", advanced: false },
  { id: "checks", title: "Evaluation and saving", advanced: false },
  { id: "samples", title: "Samples", advanced: false },
  { id: "adapter", title: "Adapter", advanced: true },
  { id: "optimizer", title: "Optimizer", advanced: true },
  { id: "memory", title: "Memory and processes", advanced: true },
  { id: "trouble", title: "When the loss is no number", advanced: true },
  { id: "other", title: "Other", advanced: true },
];
