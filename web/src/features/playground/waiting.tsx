"use client";

import { LoaderCircle } from "lucide-react";
import { useContext } from "react";
import { HubKnowledgeContext } from "./use-hub-knowledge";

/** Why nothing has come yet. */
export function Waiting({ model }: { model: string }) {
  const { engineState } = useContext(HubKnowledgeContext);
  return (
    <p role="status" className="flex items-center gap-2 text-sm text-ink-soft">
      <LoaderCircle size={15} aria-hidden className="animate-spin" />
      {wordsFor(engineState(model))}…
    </p>
  );
}

function wordsFor(state: string): string {
  switch (state) {
    case "ready":
      return "Reading the prompt";
    case "unknown":
      return "Waiting";
    case "absent":
      return "Waiting for room for the model";
    default:
      return "Loading the model";
  }
}
