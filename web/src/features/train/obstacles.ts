import { ApiError } from "@/api/errors";
import type { Schemas } from "@/api/client";
import { splitModelValue } from "@/components/pickers/model-value";
import { nameProblem } from "@/features/models/model-name";
import type { Draft } from "./draft";
import type { Problems } from "./settings/params";
import { situationOf } from "./settings/settings";

/** What the hub says only when the job is sent, or begins; the plan does not know it. */
export function obstacles(
  draft: Draft,
  models: readonly Schemas["Model"][],
  capabilities: Readonly<Record<string, unknown>>,
): Problems {
  const method = methodObstacle(draft, models, capabilities);
  const output = outputObstacle(draft.output.trim(), models);
  return { ...(method && { method }), ...(output && { "output.name": output }) };
}

/** A method that the hub has not, or whole weights that are packed. */
function methodObstacle(
  draft: Draft,
  models: readonly Schemas["Model"][],
  capabilities: Readonly<Record<string, unknown>>,
): string | null {
  const { method } = situationOf(draft.entries);
  const methods = capabilities.finetune_methods;
  if (Array.isArray(methods) && !methods.includes(method)) {
    return `This hub does not train by ${method}`;
  }
  const { name } = splitModelValue(draft.model);
  const quantization = models.find((model) => model.name === name)?.quantization;
  if (method !== "full" || !quantization) return null;
  return `'${name}' is quantized to ${quantization.bits} bits, and full needs weights that are not: use LoRA or DoRA, which train over it`;
}

/** A name that the hub would not take, or that another kind of model has. */
function outputObstacle(name: string, models: readonly Schemas["Model"][]): string | null {
  if (name === "") return null;
  const existing = models.find((model) => model.name === name);
  if (existing && existing.kind !== "adapter") {
    return `'${name}' is registered already and holds no adapters`;
  }
  return nameProblem(name);
}

/** The model is registered and not here yet: its job fetches it first, and until then nothing can be estimated. */
export const waitsForWeights = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 409 && error.code === "model_not_ready";
