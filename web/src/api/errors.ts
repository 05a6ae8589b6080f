import type { components } from "./schema";

type ErrorBody = components["schemas"]["Error"];

/** What the hub refused or failed at. `requestId` finds its line in the logs. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null,
    readonly param: string | null,
    readonly requestId: string | null,
    readonly retryAfterSeconds: number | null,
  ) {
    super(message);
  }
}

/** The hub does not answer at all. */
export class OfflineError extends Error {
  override readonly name = "OfflineError";

  constructor() {
    super("The hub does not answer. It may be restarting, or stopped.");
  }
}

/** The error that an answer carries; answers of something else than the hub (a proxy) become one, too. */
export async function readError(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("X-Request-Id");
  const retryAfter = Number(response.headers.get("Retry-After"));
  const text = await response.text();
  let body: Partial<ErrorBody["error"]> = {};
  try {
    body = (JSON.parse(text) as Partial<ErrorBody>).error ?? {};
  } catch {
    // Not ours: the status must do.
  }
  return new ApiError(
    response.status,
    body.message ?? `The server answered ${response.status} ${response.statusText}`,
    body.code ?? null,
    body.param ?? null,
    requestId,
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  );
}

/** The user's own cancelling is no failure. */
export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "AbortError";

/** The words for whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
