"use client";

import { useEffect } from "react";
import type { Schemas } from "@/api/client";
import { useHubPages } from "@/api/pages";
import { queryOf, sortBySize, type ModelFilters } from "./model-filters";

interface ModelList {
  /** Undefined until the first page has come. */
  models: Schemas["Model"][] | undefined;
  error: unknown;
  hasMore: boolean;
  loadingMore: boolean;
  loadMore: () => void;
  retry: () => void;
}

const pageSize = 50;
const largestPage = 200;

/** The models that the filters leave, page by page; by size all at once, since the hub does not sort by it. */
export function useModelList(filters: ModelFilters): ModelList {
  const bySize = filters.sort.by === "size";
  const query = { ...queryOf(filters), limit: bySize ? largestPage : pageSize };
  const { data, error, size, setSize, mutate, isValidating } = useHubPages(
    "/models",
    (_, previous) => {
      if (!previous) return { params: { query } };
      return previous.next_cursor == null
        ? null
        : { params: { query: { ...query, cursor: previous.next_cursor } } };
    },
    { revalidateFirstPage: false, revalidateOnMount: true },
  );
  const hasMore = data?.at(-1)?.next_cursor != null;
  const complete = data !== undefined && data.length === size;
  useEffect(() => {
    if (bySize && hasMore && complete) void setSize(size + 1);
  }, [bySize, hasMore, complete, setSize, size]);
  const models = data?.flatMap((page) => page.data);
  return {
    models: models && (bySize ? sortBySize(models, filters.sort.descending) : models),
    error,
    hasMore,
    loadingMore: isValidating && !complete,
    loadMore: () => void setSize(size + 1),
    retry: () => void mutate(),
  };
}
