/** What wants to know that answers below a path of the API are no longer current. */
interface Watcher {
  path: string;
  refresh: () => void;
}

const watchers = new Set<Watcher>();

/** Whether a path lies at or below one of the others; "/" is all of the API. */
export const isBelowOneOf = (path: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => prefix === "/" || path === prefix || path.startsWith(`${prefix}/`));

/** SWR's own way to refresh by a filter passes over lists of pages: those say here that they want to be told. */
export function onStale(path: string, refresh: () => void): () => void {
  const watcher = { path, refresh };
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function tellStale(prefixes: readonly string[]): void {
  for (const watcher of [...watchers]) {
    if (isBelowOneOf(watcher.path, prefixes)) watcher.refresh();
  }
}
