"use client";

import { LoaderCircle } from "lucide-react";
import { useHub } from "@/api/client";
import { engineState } from "./model-options";
import { useModels } from "./use-models";

/** Why nothing has come yet. */
export function Waiting({ model }: { model: string }) {
  const { models } = useModels();
  const { data } = useHub("/engines", {}, { refreshInterval: 1_000 });
  const words = (): string => {
    if (!data) return "Waiting";
    const state = engineState(model, models, data.data);
    if (state === "ready") return "Reading the prompt";
    return state === null ? "Waiting for room for the model" : "Loading the model";
  };
  return (
    <p role="status" className="flex items-center gap-2 text-sm text-ink-soft">
      <LoaderCircle size={15} aria-hidden className="animate-spin" />
      {words()}…
    </p>
  );
}
