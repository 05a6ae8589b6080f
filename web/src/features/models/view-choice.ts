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

/** Narrower than this a table would only be scrolled. */
const narrow = "(max-width: 639px)";

function subscribeToWidth(listener: () => void): () => void {
  const query = window.matchMedia(narrow);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

/** How the models are shown; this browser remembers it. On a phone they are always cards. */
export function useModelsView(): [ModelsView, (view: ModelsView) => void] {
  const view = useSyncExternalStore(subscribe, chosen, () => "list" as const);
  const isNarrow = useSyncExternalStore(
    subscribeToWidth,
    () => window.matchMedia(narrow).matches,
    () => false,
  );
  return [isNarrow ? "cards" : view, choose];
}
