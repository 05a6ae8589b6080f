import { createInfiniteHook } from "swr-openapi";
import { api, type FetchError } from "./client";
import type { paths } from "./schema";

/**
 * SWR over the pages of a list, by `next_cursor`. Events refresh all pages that are shown (page-refresh.ts). Apart from
 * `useHub`, since only pages with long lists need its code.
 */
export const useHubPages = createInfiniteHook<
  paths,
  `${string}/${string}`,
  "hub-pages",
  FetchError
>(api, "hub-pages");
