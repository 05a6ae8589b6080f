"use client";

import { useHub, type Schemas } from "@/api/client";
import { transfersOf } from "./transfer";

/** The newest pull and push of a model. */
export function useTransfers(model: string): Schemas["Job"][] {
  const pulls = useHub("/jobs", { params: { query: { type: "pull", limit: 50 } } });
  const pushes = useHub("/jobs", { params: { query: { type: "push", limit: 50 } } });
  return transfersOf([...(pulls.data?.data ?? []), ...(pushes.data?.data ?? [])], model);
}
