"use client";

import { useAction } from "@/api/action";
import type { Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ui/dialog";
import { currentVersion } from "./current-version";

interface RemoveAliasDialogProps {
  model: Schemas["Model"];
  alias: Schemas["Alias"];
  onRemove: (alias: string) => Promise<void>;
  onClose: () => void;
}

export function RemoveAliasDialog({ model, alias, onRemove, onClose }: RemoveAliasDialogProps) {
  const remove = useAction(onRemove, { done: `${alias.alias} is removed` });
  const confirm = async (): Promise<void> => {
    if (await remove.run(alias.alias)) onClose();
  };
  const next = currentVersion({ ...model, aliases: {} });
  return (
    <ConfirmDialog
      title={`Remove the alias ${alias.alias}?`}
      open
      onClose={onClose}
      confirmLabel="Remove the alias"
      onConfirm={() => void confirm()}
      busy={remove.busy}
      error={remove.error}
    >
      <p>
        Requests for{" "}
        <code className="font-mono text-xs">
          {model.name}@{alias.alias}
        </code>{" "}
        are refused from then on.
      </p>
      {alias.alias === "production" && next && (
        <p>
          The bare name {model.name} then means its newest ready version, {next.version}, instead of{" "}
          {alias.version}.
        </p>
      )}
      <p>Version {alias.version} itself stays.</p>
    </ConfirmDialog>
  );
}
