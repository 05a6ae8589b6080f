import type { Schemas } from "@/api/client";

export type Params = Schemas["FinetuneParams"];
export type ParamName = keyof Params;

/**
 * What was entered, as typed. Names are the parameters', and `optimizer_config.<name>`. What is missing or blank has
 * its default.
 */
export type Entry = string | boolean | string[];
export type Entries = Readonly<Partial<Record<string, Entry>>>;

/** The few settings on which it depends whether another one means anything. */
export interface Situation {
  method: string;
  objective: string;
  lossType: string;
  optimizer: string;
  schedule: string;
  hasAlpha: boolean;
  compat: boolean;
}

export type Group =
  | "method"
  | "rate"
  | "batches"
  | "checks"
  | "samples"
  | "adapter"
  | "optimizer"
  | "memory"
  | "trouble"
  | "other";

interface Common {
  label: string;
  /** What it does, in a sentence or two. */
  help: string;
  group: Group;
  /** Shown only then; elsewhere it is not sent. */
  when?: (situation: Situation) => boolean;
}

export interface NumberSetting extends Common {
  kind: "number";
  integer?: boolean;
  min: number;
  max: number;
  /** The bound itself is refused. */
  aboveMin?: boolean;
  belowMax?: boolean;
  /** Within the bounds, and refused nevertheless. */
  not?: number;
  unit?: string;
  /** null, or a word that stands for a number: what holds when the field is blank. */
  default: number | null | "auto";
  /** What a blank field means, where the default is no number. */
  blank?: string;
}

export interface ChoiceSetting extends Common {
  kind: "choice";
  options: readonly { value: string; label: string }[];
  default: string;
}

export interface FlagSetting extends Common {
  kind: "flag";
  default: boolean;
}

/** Names with commas or line ends between. */
export interface NamesSetting extends Common {
  kind: "names";
  default: null | [];
  blank: string;
  placeholder: string;
}

/** Texts of any form, one by one. */
export interface TextsSetting extends Common {
  kind: "texts";
  most: number;
  longest: number;
  default: [];
}

/** Two numbers with a comma between. */
export interface PairSetting extends Common {
  kind: "pair";
  belowMax: number;
  default: readonly [number, number];
}

export type Setting =
  NumberSetting | ChoiceSetting | FlagSetting | NamesSetting | TextsSetting | PairSetting;
