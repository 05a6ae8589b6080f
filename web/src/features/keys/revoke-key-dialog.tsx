"use client";

import { useSWRConfig } from "swr";
import { api, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { ConfirmDialog } from "@/components/ui/dialog";
import { formatAge } from "@/format";
import { isThisKey } from "./key-words";
import { useStoredKey } from "./use-stored-key";

interface RevokeKeyDialogProps {
  /** null: nothing is asked. */
  apiKey: Schemas["Key"] | null;
  onClose: () => void;
}

/** Asks before a key is revoked, and says who loses what. */
export function RevokeKeyDialog({ apiKey, onClose }: RevokeKeyDialogProps) {
  const { mutate } = useSWRConfig();
  const stored = useStoredKey();
  const revoke = useAction(
    async (id: string) => {
      await api.DELETE("/keys/{id}", { params: { path: { id } } });
      await mutate((key) => Array.isArray(key) && key[1] === "/keys");
    },
    { done: "The key is revoked" },
  );
  const close = (): void => {
    revoke.reset();
    onClose();
  };
  return (
    <ConfirmDialog
      title={`Revoke ${apiKey?.name ?? "the key"}?`}
      open={apiKey !== null}
      onClose={close}
      confirmLabel="Revoke it"
      busy={revoke.busy}
      error={revoke.error}
      onConfirm={() => {
        if (apiKey) void revoke.run(apiKey.id).then((worked) => worked && close());
      }}
    >
      <p>
        Whatever uses this key is refused from now on. It cannot be made good again; the audit log
        keeps what it did.
      </p>
      <p>
        {apiKey?.last_used_at
          ? `It was last used ${formatAge(apiKey.last_used_at)}.`
          : "It has never been used."}
      </p>
      {apiKey && isThisKey(apiKey.prefix, stored) && (
        <p className="font-medium text-bad">
          This browser uses it: the dashboard will ask for another key.
        </p>
      )}
    </ConfirmDialog>
  );
}
