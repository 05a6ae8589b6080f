"use client";

import { createContext, useMemo } from "react";
import { useHub, type Schemas } from "@/api/client";
import { chatCapabilities, noCapabilities } from "./capabilities";
import { engineState } from "./model-options";
import { knowsNothing, type HubKnowledge } from "./session";

/** While an answer is on its way its model may be loading; else the list of models says which are loaded. */
const busyPollMs = 1_000;
const idlePollMs = 5_000;

/** What the hub can do, and how far its engines are. */
export function useHubKnowledge(models: Schemas["Model"][], busy: boolean): HubKnowledge {
  const { data: system } = useHub("/system");
  const { data: engines } = useHub(
    "/engines",
    {},
    { refreshInterval: busy ? busyPollMs : idlePollMs },
  );
  return useMemo(
    () => ({
      capabilities: system ? chatCapabilities(system.capabilities) : noCapabilities,
      engineState: (model) => (engines ? engineState(model, models, engines.data) : "unknown"),
    }),
    [system, engines, models],
  );
}

/** For those who show what only a part of the page needs to know. */
export const HubKnowledgeContext = createContext<HubKnowledge>(knowsNothing);
