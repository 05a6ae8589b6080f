// Who shows what became stale. SWR asks again for single answers by their keys, but passes over paged lists.

type Listener = (prefixes: readonly string[]) => void;

const listeners = new Set<Listener>();

/** Answers of these paths, and of those below them, are no longer what the hub would say. */
export function announceStale(prefixes: readonly string[]): void {
  for (const listener of listeners) listener(prefixes);
}

export function onStale(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const liesBelow = (path: string, prefixes: readonly string[]): boolean =>
  path.startsWith("/") &&
  prefixes.some((prefix) => prefix === "/" || path === prefix || path.startsWith(`${prefix}/`));

/** The API's path in an SWR key of `useHub` or of a page of `useHubPages`; null for other keys. */
export function pathOfKey(key: unknown): string | null {
  if (!Array.isArray(key)) return null;
  const path: unknown = key[1];
  return typeof path === "string" ? path : null;
}
