// The API key, where the hub wants one. It stays in this browser.

const storageName = "mlx-hub-key";
const listeners = new Set<() => void>();
let wanted = false;

export function apiKey(): string | null {
  return typeof window === "undefined" ? null : window.localStorage.getItem(storageName);
}

/** null forgets it. */
export function setApiKey(key: string | null): void {
  if (key) window.localStorage.setItem(storageName, key);
  else window.localStorage.removeItem(storageName);
  wanted = false;
  notify();
}

/** The hub refused a call with this key: the dialog opens, unless the browser has another key by now. */
export function keyWasRefused(key: string | null): void {
  if (key === apiKey()) askForKey();
}

/** Opens the dialog. */
export function askForKey(): void {
  if (wanted) return;
  wanted = true;
  notify();
}

export function dismissKeyDialog(): void {
  wanted = false;
  notify();
}

export const keyIsWanted = (): boolean => wanted;

export function subscribeToKey(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function notify(): void {
  for (const listener of listeners) listener();
}
