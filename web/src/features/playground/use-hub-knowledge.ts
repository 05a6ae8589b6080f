"use client";

import { useMemo } from "react";
import { useHub } from "@/api/client";
import { chatCapabilities, noCapabilities } from "./capabilities";
import { engineState } from "./model-options";
import type { HubKnowledge } from "./session";
import { useModels } from "./use-models";

/** What the hub can do, and which models are loaded there. */
export function useHubKnowledge(): HubKnowledge {
  const { data: system } = useHub("/system");
  const { data: engines } = useHub("/engines", {}, { refreshInterval: 5_000 });
  const { models } = useModels();
  return useMemo(
    () => ({
      capabilities: system ? chatCapabilities(system.capabilities) : noCapabilities,
      isLoaded: (model) => (engines ? engineState(model, models, engines.data) === "ready" : null),
    }),
    [system, engines, models],
  );
}
