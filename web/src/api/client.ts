import createClient, { type Middleware } from "openapi-fetch";
import { createQueryHook } from "swr-openapi";
import { ApiError, OfflineError, readError } from "./errors";
import { apiKey, keyWasRefused } from "./key";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/**
 * `fetch` with the API key; throws OfflineError when the hub cannot be reached. Any status returns; a missing or bad
 * key also opens the key dialog.
 */
export async function hubFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const key = apiKey();
  if (key && !request.headers.has("Authorization")) {
    request.headers.set("Authorization", `Bearer ${key}`);
  }
  try {
    const response = await fetch(request);
    if (response.status === 401) keyWasRefused(key);
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new OfflineError();
  }
}

/** Throws what the hub said when its answer is an error. */
export async function expectOk(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw await readError(response);
}

const throwErrors: Middleware = { onResponse: ({ response }) => expectOk(response) };

/** The typed client: `await api.POST("/jobs", { body })`. Throws ApiError or OfflineError, so `data` is set. */
export const api = createClient<paths>({ fetch: (request: Request) => hubFetch(request) });
api.use(throwErrors);

export type FetchError = ApiError | OfflineError;

/** SWR over GET: `const { data, error, isLoading } = useHub("/jobs", { params: { query: { limit: 50 } } })`. */
export const useHub = createQueryHook<paths, `${string}/${string}`, "hub", FetchError>(api, "hub");
