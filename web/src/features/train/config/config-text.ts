import { LineCounter, isNode, parseDocument, stringify, type Document } from "yaml";
import { draftProblems, type Draft } from "../draft";
import { changedSettings, effectiveParams, entriesOf } from "../settings/params";
import { checkedEntries, hubConfigOf, readHubConfig } from "./hub-config";
import { expressible, loraConfigOf, type Computed } from "./lora-config";
import { ConfigProblem, readLoraConfig } from "./lora-config-reader";

/** mlx-lm's file, which other tools read, too; or the body of POST /jobs, which has everything. */
export type Dialect = "mlx-lm" | "hub";

const heads: Record<Dialect, string> = {
  "mlx-lm":
    "# lora_config.yaml: mlx-hub train --config lora_config.yaml, or mlx_lm.lora --config\n",
  hub: "# The body of POST /jobs. What is left out has its default.\n",
};

/** The draft as a text. `computed` fills in what mlx-lm's file must say and the draft leaves to the hub. */
export function textOfDraft(dialect: Dialect, draft: Draft, computed: Computed | null): string {
  const params = effectiveParams(draft.entries);
  const config =
    dialect === "hub" ? hubConfigOf(draft) : loraConfigOf({ ...draft, params }, computed);
  return heads[dialect] + stringify(config, { lineWidth: 0 });
}

/** What the draft says and mlx-lm's file cannot. */
export function notInLoraConfig(draft: Draft, computed: Computed | null): string[] {
  const notes = changedSettings(draft.entries).filter((name) => {
    const [base = name] = name.split(".");
    return !expressible.has(base);
  });
  const params = effectiveParams(draft.entries);
  if (params.lr_schedule === "constant" && params.warmup_steps > 0) notes.push("warmup_steps");
  if (computed === null && params.max_steps === null) notes.push("iters (not known yet)");
  return notes;
}

export interface TextProblem {
  /** From 1; null: the text as a whole. */
  line: number | null;
  message: string;
}

/** The draft that a text says, or what is wrong with the text. */
export function draftOfText(dialect: Dialect, text: string, draft: Draft): Draft | TextProblem {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    return {
      line: error.linePos?.[0].line ?? null,
      message: error.message.split(/ at line |\n/)[0] ?? "",
    };
  }
  try {
    const config: unknown = document.toJS();
    const next = dialect === "hub" ? readHubConfig(config, draft) : ofLoraConfig(config, draft);
    const [wrong] = Object.entries(draftProblems(next));
    return wrong ? { line: null, message: `${wrong[0]}: ${wrong[1] ?? ""}` } : next;
  } catch (reason) {
    if (!(reason instanceof ConfigProblem)) throw reason;
    return { line: lineOf(document, lines, reason.path), message: reason.message };
  }
}

/** The settings that mlx-lm's file has come from there; the others stay. */
function ofLoraConfig(config: unknown, draft: Draft): Draft {
  const { model, dataset, output, params } = readLoraConfig(config);
  const compat = draft.entries.compat === true;
  const kept = Object.entries(draft.entries).filter(
    ([name]) => !expressible.has(name.split(".")[0] ?? name),
  );
  checkedEntries(params);
  return {
    ...draft,
    model,
    dataset,
    output,
    entries: { ...entriesOf({ ...params, compat }), ...Object.fromEntries(kept) },
  };
}

/** The line of a key, or of the nearest one above it that the text has. */
function lineOf(document: Document, lines: LineCounter, path: readonly string[]): number | null {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    if (parent !== null && typeof parent === "object" && "items" in parent) {
      const items = parent.items as { key?: unknown }[];
      for (const item of items) {
        if (isNode(item.key) && String(item.key) === key && item.key.range) {
          return lines.linePos(item.key.range[0]).line;
        }
      }
    }
  }
  return null;
}

export const isProblem = (result: Draft | TextProblem): result is TextProblem =>
  !("entries" in result);
