import { ApiError } from "@/api/errors";
import type { Schemas } from "@/api/client";
import { splitModelValue } from "@/components/pickers/model-value";
import type { Draft } from "./draft";
import type { Problems } from "./settings/params";
import { situationOf } from "./settings/settings";

/** What the hub would only say when the job begins: a method that it has not, or whole weights that are packed. */
export function obstacles(
  draft: Draft,
  models: readonly Schemas["Model"][],
  capabilities: Readonly<Record<string, unknown>>,
): Problems {
  const { method } = situationOf(draft.entries);
  const methods = capabilities.finetune_methods;
  if (Array.isArray(methods) && !methods.includes(method)) {
    return { method: `This hub does not train by ${method}` };
  }
  const { name } = splitModelValue(draft.model);
  const quantization = models.find((model) => model.name === name)?.quantization;
  if (method === "full" && quantization) {
    return {
      method: `'${name}' is quantized to ${quantization.bits} bits, and full needs weights that are not: use LoRA or DoRA, which train over it`,
    };
  }
  return {};
}

/** The model is registered and not here yet: its job fetches it first, and until then nothing can be estimated. */
export const waitsForWeights = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 409 && error.code === "model_not_ready";
