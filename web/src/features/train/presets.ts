import type { Entries } from "./settings/setting";

export interface Preset {
  id: string;
  label: string;
  /** What it is for. */
  purpose: string;
  entries: Entries;
}

/** Settings to begin with. They set parameters and nothing else. */
export const presets: readonly Preset[] = [
  {
    id: "quick",
    label: "Quick try",
    purpose: "20 steps, to see that model and rows go together",
    entries: { max_steps: "20", max_seq_length: "512", eval_every: "10", save_every: "0" },
  },
  {
    id: "balanced",
    label: "Balanced LoRA",
    purpose: "Rank 16, two passes, the best result kept",
    entries: { rank: "16", dropout: "0.05", epochs: "2", warmup_steps: "10", save_best: true },
  },
  {
    id: "memory",
    label: "Memory saver",
    purpose: "One row at a time, activations recomputed; QLoRA over a quantized base",
    entries: {
      batch_size: "1",
      grad_accumulation_steps: "8",
      max_seq_length: "1024",
      grad_checkpoint: true,
    },
  },
  {
    id: "quality",
    label: "DoRA quality",
    purpose: "Slower, three passes, ends when the held-out loss no longer falls",
    entries: {
      method: "dora",
      rank: "16",
      learning_rate: "5e-5",
      dropout: "0.05",
      epochs: "3",
      warmup_steps: "20",
      early_stopping_patience: "3",
      save_best: true,
    },
  },
  {
    id: "preference",
    label: "Preference DPO",
    purpose: "For rows with a chosen and a rejected answer",
    entries: {
      objective: "dpo",
      rank: "16",
      beta: "0.1",
      learning_rate: "5e-6",
      warmup_steps: "10",
    },
  },
];
