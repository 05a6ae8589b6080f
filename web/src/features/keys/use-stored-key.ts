import { useSyncExternalStore } from "react";
import { apiKey, subscribeToKey } from "@/api/key";

/** The API key of this browser, also after it changed. */
export function useStoredKey(): string | null {
  return useSyncExternalStore(subscribeToKey, apiKey, () => null);
}
