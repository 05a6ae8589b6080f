"use client";

import type { Schemas } from "@/api/client";
import { LimitsDialog } from "./limits-dialog";
import { NewKeyDialog } from "./new-key-dialog";
import { RevokeKeyDialog } from "./revoke-key-dialog";

export type KeyDialog =
  { is: "new" } | { is: "limits"; key: Schemas["Key"] } | { is: "revoke"; key: Schemas["Key"] };

interface KeyDialogsProps {
  /** null: none is open. */
  open: KeyDialog | null;
  onClose: () => void;
}

/** What makes and changes keys: apart from the list, since it is needed only after a click. */
export function KeyDialogs({ open, onClose }: KeyDialogsProps) {
  return (
    <>
      <NewKeyDialog open={open?.is === "new"} onClose={onClose} />
      <LimitsDialog apiKey={open?.is === "limits" ? open.key : null} onClose={onClose} />
      <RevokeKeyDialog apiKey={open?.is === "revoke" ? open.key : null} onClose={onClose} />
    </>
  );
}
