"use client";

import { useSyncExternalStore } from "react";

export type ModelsView = "list" | "cards";

const storageName = "mlx-hub-models-view";
const listeners = new Set<() => void>();

function chosen(): ModelsView {
  return window.localStorage.getItem(storageName) === "cards" ? "cards" : "list";
}

function choose(view: ModelsView): void {
  window.localStorage.setItem(storageName, view);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** How the models are shown; this browser remembers it. */
export function useModelsView(): [ModelsView, (view: ModelsView) => void] {
  return [useSyncExternalStore(subscribe, chosen, () => "list"), choose];
}
