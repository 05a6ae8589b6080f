/** What wants to know that answers at or below a path of the API are no longer current. */
interface Watcher {
  path: string;
  refresh: () => Promise<unknown>;
}

const watchers = new Set<Watcher>();

/** Whether a path lies at or below one of the others; "/" is all of the API. */
export const isBelowOneOf = (path: string, prefixes: readonly string[]): boolean =>
  path.startsWith("/") &&
  prefixes.some((prefix) => prefix === "/" || path === prefix || path.startsWith(`${prefix}/`));

/** The API's path in an SWR key of `useHub` or of a page of `useHubPages`; null for other keys. */
export function pathOfKey(key: unknown): string | null {
  if (!Array.isArray(key)) return null;
  const path: unknown = key[1];
  return typeof path === "string" ? path : null;
}

/** SWR's own way to refresh by a filter passes over lists of pages: those say here that they want to be told. */
export function onStale(path: string, refresh: () => Promise<unknown>): () => void {
  const watcher = { path, refresh };
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Done when those that were told have asked again. */
export async function tellStale(prefixes: readonly string[]): Promise<void> {
  const told = [...watchers].filter(({ path }) => isBelowOneOf(path, prefixes));
  await Promise.all(told.map(({ refresh }) => refresh()));
}
