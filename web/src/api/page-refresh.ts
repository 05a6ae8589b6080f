import { useEffect } from "react";
import type { Middleware } from "swr";
import { onStale, pathOfKey } from "./stale";

/** The path of a paged list: its key is a function of the page. */
function pathOfPages(key: unknown): string | null {
  if (typeof key !== "function") return null;
  const first: unknown = (key as (index: number, before: null) => unknown)(0, null);
  return pathOfKey(first);
}

/** SWR middleware: paged lists are asked for again when their path becomes stale. */
export const refreshPages: Middleware = (useNext) => (key, fetcher, config) => {
  const answer = useNext(key, fetcher, config);
  const path = pathOfPages(key);
  const { mutate } = answer;
  useEffect(() => (path === null ? undefined : onStale(path, () => mutate())), [path, mutate]);
  return answer;
};
