import { asRecord, parseRecord } from "@/features/models/model-configuration";

/** What adapter_config.json says, in mlx-lm's form. */
export interface AdapterConfig {
  /** lora, dora or full. */
  method: string;
  rank: number | null;
  scale: number | null;
  dropout: number | null;
  /** The last so many layers; null: all. */
  layers: number | null;
  /** Modules that it changes; null: every linear one of a layer. */
  targets: string[] | null;
}

/** Null when the text is no such file. */
export function readAdapterConfig(text: string): AdapterConfig | null {
  const config = parseRecord(text);
  if (!config) return null;
  const lora = asRecord(config.lora_parameters) ?? {};
  const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
  const layers = number(config.num_layers);
  const keys: unknown = lora.keys;
  return {
    method: typeof config.fine_tune_type === "string" ? config.fine_tune_type : "lora",
    rank: number(lora.rank),
    scale: number(lora.scale),
    dropout: number(lora.dropout),
    layers: layers == null || layers <= 0 ? null : layers,
    targets: Array.isArray(keys) ? keys.filter((key) => typeof key === "string") : null,
  };
}

/** "q_proj, v_proj": the last parts of the modules' names, each once. */
export function targetWords({ method, targets }: AdapterConfig): string {
  if (method === "full") return "all weights";
  if (targets == null) return "every linear layer";
  return [...new Set(targets.map((target) => target.split(".").at(-1) ?? target))].join(", ");
}
