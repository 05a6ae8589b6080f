import { api, type Schemas } from "@/api/client";
import type { FinetuneRequest } from "./draft";

/** The generated type wants every field that has a default; the hub does not. */
const bodyOf = (request: FinetuneRequest & { dry_run?: true }): Schemas["NewFinetuneJob"] =>
  request as Schemas["NewFinetuneJob"];

/** What the job would do and take; nothing is queued. */
export async function planJob(request: FinetuneRequest): Promise<Schemas["FinetunePlan"]> {
  const { data } = await api.POST("/jobs", { body: bodyOf({ ...request, dry_run: true }) });
  // One operation answers plans and jobs; `dry_run` says which.
  return data as Schemas["FinetunePlan"];
}

export async function queueJob(
  request: FinetuneRequest,
  idempotencyKey: string,
): Promise<Schemas["Job"]> {
  const { data } = await api.POST("/jobs", {
    params: { header: { "Idempotency-Key": idempotencyKey } },
    body: bodyOf(request),
  });
  return data as Schemas["Job"];
}
