"use client";

import { PageHeader } from "@/components/ui/page-header";
import { ApiKeys } from "./api-keys";

/** Who may call the hub, how much, and what they have used. */
export function KeysPage() {
  return (
    <>
      <PageHeader
        title="API keys"
        lead="Who may call the hub, how much, and what they have used so far."
      />
      <ApiKeys />
    </>
  );
}
