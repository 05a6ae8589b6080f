import { formatFigure, formatNumber } from "@/format";

type Fact = [name: string, value: string];

const labels: [field: string, label: string][] = [
  ["model_type", "Architecture"],
  ["num_hidden_layers", "Layers"],
  ["hidden_size", "Hidden size"],
  ["intermediate_size", "Size of the feed-forward part"],
  ["num_attention_heads", "Attention heads"],
  ["num_key_value_heads", "Key and value heads"],
  ["head_dim", "Size of a head"],
  ["num_experts", "Experts"],
  ["num_local_experts", "Experts"],
  ["num_experts_per_tok", "Experts of a token"],
  ["vocab_size", "Vocabulary"],
  ["max_position_embeddings", "Context"],
  ["sliding_window", "Sliding window"],
  ["rope_theta", "RoPE base"],
  ["hidden_act", "Activation"],
  ["rms_norm_eps", "RMS norm epsilon"],
  ["tie_word_embeddings", "Output head is the embedding"],
  ["torch_dtype", "Type of the weights"],
];

/** What config.json says, in words; models with several parts have their text part in `text_config`. */
export function configurationFacts(config: Record<string, unknown>): Fact[] {
  const text = asRecord(config.text_config);
  return labels.flatMap(([field, label]): Fact[] => {
    const value = wordsOf(text?.[field] ?? config[field]);
    return value == null ? [] : [[label, value]];
  });
}

function wordsOf(value: unknown): string | null {
  if (typeof value === "number") {
    return Number.isInteger(value) ? formatNumber(value) : formatFigure(value);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? value : null;
}

export function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** The object that a JSON text holds; null when it holds none. */
export function parseRecord(text: string): Record<string, unknown> | null {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Files that are worth reading here: JSON and templates that are no vocabulary. */
export function readableFiles(files: readonly { name: string; size_bytes: number }[]): string[] {
  const first = ["config.json", "adapter_config.json"];
  return files
    .filter(({ name, size_bytes }) => /\.(json|jinja|md|txt)$/.test(name) && size_bytes <= 262_144)
    .map((file) => file.name)
    .sort((a, b) => Number(first.includes(b)) - Number(first.includes(a)) || a.localeCompare(b));
}
