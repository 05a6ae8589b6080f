import type { Schemas } from "@/api/client";

type Job = Pick<Schemas["Job"], "type" | "model" | "output">;

const doing: Record<string, string> = {
  finetune: "Fine-tuning",
  evaluate: "Evaluation",
  merge: "Merge",
  quantize: "Quantization",
  pull: "Download",
  push: "Upload",
};

/** In few words, by what it makes: "Fine-tuning trivia". */
export const shortJobTitle = ({ type, model, output }: Job): string =>
  `${doing[type] ?? type} ${output?.name ?? model}`;

/** What a job does, as a heading: "Fine-tuning of smollm2 to trivia". */
export function jobTitle({ type, model, output }: Job): string {
  const made = output?.name && output.name !== model ? ` to ${output.name}` : "";
  return `${doing[type] ?? type} of ${model}${made}`;
}
