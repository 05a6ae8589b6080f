"use client";

import { useState, type SubmitEvent } from "react";
import { useSWRConfig } from "swr";
import { api, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { ErrorNotice } from "@/components/ui/states";
import { LimitInputs, limitsAreGood } from "./limit-inputs";
import { limitTexts, limitsOf } from "./limits";

interface LimitsDialogProps {
  /** null: nothing is changed. */
  apiKey: Schemas["Key"] | null;
  onClose: () => void;
}

/** Changes a key's limits; they hold from its next request on. */
export function LimitsDialog({ apiKey, onClose }: LimitsDialogProps) {
  return (
    <Dialog title={`Limits of ${apiKey?.name ?? ""}`} open={apiKey !== null} onClose={onClose}>
      {apiKey && <LimitsForm key={apiKey.id} apiKey={apiKey} onClose={onClose} />}
    </Dialog>
  );
}

function LimitsForm({ apiKey, onClose }: { apiKey: Schemas["Key"]; onClose: () => void }) {
  const [texts, setTexts] = useState(() => limitTexts(apiKey.limits));
  const { mutate } = useSWRConfig();
  const change = useAction(
    async () => {
      await api.PATCH("/keys/{id}", {
        params: { path: { id: apiKey.id } },
        body: { limits: limitsOf(texts) },
      });
      await mutate((key) => Array.isArray(key) && key[1] === "/keys");
    },
    { done: "The limits are changed" },
  );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void change.run().then((worked) => worked && onClose());
  };
  return (
    <form onSubmit={submit} className="space-y-5 text-sm">
      <LimitInputs texts={texts} onChange={setTexts} />
      <ErrorNotice error={change.error} title="The limits could not be changed" />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" busy={change.busy} disabled={!limitsAreGood(texts)}>
          Change them
        </Button>
      </div>
    </form>
  );
}
