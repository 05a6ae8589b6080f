import { rangeOf } from "./range";
import type { Entries, Entry, NumberSetting, PairSetting, Params, Setting } from "./setting";
import {
  defaultEntry,
  isOptimizerEntry,
  optimizerEntry,
  settings,
  settingsIn,
  situationOf,
} from "./settings";

export type Problems = Readonly<Partial<Record<string, string>>>;

export interface Parsed {
  /** What is sent: what was entered and means something. */
  params: Partial<Params>;
  problems: Problems;
}

type Value = number | string | boolean | string[] | number[];
type Result = { value: Value } | { problem: string } | null;

const numberPattern = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

export function readNumber(text: string): number | null {
  const trimmed = text.trim();
  return numberPattern.test(trimmed) ? Number(trimmed) : null;
}

function parseNumber(setting: NumberSetting, text: string): Result {
  if (setting.default === "auto" && text.trim().toLowerCase() === "auto") return { value: "auto" };
  const value = readNumber(text);
  const fits =
    value !== null &&
    value >= setting.min &&
    value <= setting.max &&
    !(setting.aboveMin && value === setting.min) &&
    !(setting.belowMax && value === setting.max) &&
    value !== setting.not &&
    !(setting.integer && !Number.isInteger(value));
  if (fits) return { value };
  return { problem: `A ${setting.integer ? "whole number" : "number"}: ${rangeOf(setting)}` };
}

function parsePair(setting: PairSetting, text: string): Result {
  const value = text.split(",").map(readNumber);
  const [first, second, ...others] = value;
  const fits = (one: number | null | undefined): one is number =>
    one != null && one >= 0 && one < setting.belowMax;
  if (fits(first) && fits(second) && others.length === 0) return { value: [first, second] };
  return { problem: `Two numbers with a comma between, from 0 to below ${setting.belowMax}` };
}

/** null: nothing was entered, the default holds. */
function parseEntry(setting: Setting, entry: Entry | undefined): Result {
  if (entry === undefined) return null;
  if (setting.kind === "flag") return typeof entry === "boolean" ? { value: entry } : null;
  if (setting.kind === "texts") {
    if (!Array.isArray(entry)) return null;
    const texts = entry.filter((text) => text !== "");
    const long = texts.some((text) => new TextEncoder().encode(text).length > setting.longest);
    if (long) return { problem: `Each text has at most ${setting.longest} bytes` };
    return texts.length > 0 ? { value: texts } : null;
  }
  if (typeof entry !== "string" || entry.trim() === "") return null;
  switch (setting.kind) {
    case "choice":
      return { value: entry };
    case "number":
      return parseNumber(setting, entry);
    case "pair":
      return parsePair(setting, entry);
    case "names": {
      const names = entry.split(/[\s,]+/).filter((name) => name !== "");
      return names.length > 0 ? { value: names } : null;
    }
  }
}

/** The parameters of a job as they were entered, and what is wrong with them. */
export function paramsOf(entries: Entries): Parsed {
  const params: Record<string, Value | Record<string, Value>> = {};
  const optimizerConfig: Record<string, Value> = {};
  const problems: Partial<Record<string, string>> = {};
  for (const [name, setting] of settingsIn(situationOf(entries))) {
    const result = parseEntry(setting, entries[name]);
    if (result === null) continue;
    if ("problem" in result) problems[name] = result.problem;
    else if (isOptimizerEntry(name))
      optimizerConfig[name.slice(name.indexOf(".") + 1)] = result.value;
    else params[name] = result.value;
  }
  if (Object.keys(optimizerConfig).length > 0) params.optimizer_config = optimizerConfig;
  return { params, problems };
}

/** A value in the form in which it would be entered; null for what no entry can say. */
export function entryOf(setting: Setting, value: unknown): Entry | null {
  switch (setting.kind) {
    case "flag":
      return typeof value === "boolean" ? value : null;
    case "texts":
      return Array.isArray(value) ? value.map(String) : null;
    case "names":
    case "pair":
      return Array.isArray(value) ? value.map(String).join(", ") : null;
    default:
      return typeof value === "number" || typeof value === "string" ? String(value) : null;
  }
}

const same = (a: Entry, b: Entry): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The entries that say the same as some parameters, without those that are the defaults. */
export function entriesOf(params: Readonly<Record<string, unknown>>): Entries {
  const { optimizer_config: config, scale, ...rest } = params;
  const given: Record<string, unknown> = { ...rest };
  // A finished job has both; the scale follows from alpha.
  if (params.alpha == null) given.scale = scale;
  if (config !== null && typeof config === "object") {
    for (const [name, value] of Object.entries(config)) given[optimizerEntry(name)] = value;
  }
  const bare: Record<string, Entry> = {};
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "string" || typeof value === "boolean") bare[name] = value;
    else if (typeof value === "number") bare[name] = String(value);
  }
  const situation = situationOf(bare);
  const entries: Record<string, Entry> = {};
  for (const [name, setting] of settingsIn(situation)) {
    const entry = entryOf(setting, given[name]);
    if (entry === null || (name === "batch_size" && entry === "auto")) continue;
    if (!equals(setting, entry, defaultEntry(name, setting, situation))) entries[name] = entry;
  }
  return entries;
}

function equals(setting: Setting, entry: Entry, other: Entry): boolean {
  if (setting.kind === "number" && typeof entry === "string" && typeof other === "string") {
    return readNumber(entry) === readNumber(other);
  }
  if (setting.kind === "pair" && typeof entry === "string" && typeof other === "string") {
    return same(entry.split(",").map(Number).map(String), other.split(",").map(Number).map(String));
  }
  return same(entry, other);
}

/** The settings whose entry is not the default; those that mean nothing now are left out. */
export function changedSettings(entries: Entries): string[] {
  const situation = situationOf(entries);
  return settingsIn(situation).flatMap(([name, setting]) => {
    const entry = entries[name];
    const blank =
      entry === undefined || entry === "" || (Array.isArray(entry) && entry.length === 0);
    return blank || equals(setting, entry, defaultEntry(name, setting, situation)) ? [] : [name];
  });
}

// The tests hold the table's names and defaults to the contract's, from which this type is made.
const defaults = {
  ...Object.fromEntries(Object.entries(settings).map(([name, one]) => [name, one.default])),
  optimizer_config: null,
} as unknown as Params;

/** All parameters as they hold: what was entered, and the defaults. */
export function effectiveParams(entries: Entries): Params {
  const situation = situationOf(entries);
  const initial = Object.fromEntries(
    settingsIn(situation)
      .filter(([name]) => !isOptimizerEntry(name))
      .map(([name, setting]) => [name, defaultEntry(name, setting, situation)]),
  );
  return { ...defaults, ...paramsOf(initial).params, ...paramsOf(entries).params };
}
