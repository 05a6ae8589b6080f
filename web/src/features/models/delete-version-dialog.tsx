"use client";

import { useSWRConfig } from "swr";
import { api, useHub, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { ConfirmDialog, Dialog } from "@/components/ui/dialog";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { formatBytes } from "@/format";
import { dependantsOf } from "./lineage";
import { DependantList } from "./dependant-list";

interface DeleteVersionDialogProps {
  model: Schemas["Model"];
  version: Schemas["Version"];
  onClose: () => void;
}

export function DeleteVersionDialog({ model, version, onClose }: DeleteVersionDialogProps) {
  const { data: lineage, error } = useHub("/versions/{id}/lineage", {
    params: { path: { id: version.id } },
  });
  const { mutate } = useSWRConfig();
  const remove = useAction(
    async () => {
      await api.DELETE("/versions/{id}", { params: { path: { id: version.id } } });
    },
    { done: `Version ${version.version} of ${model.name} is deleted` },
  );
  const title = `Delete version ${version.version} of ${model.name}?`;
  if (!lineage) {
    return (
      <Dialog title={title} open onClose={onClose}>
        {error == null ? <SkeletonRows rows={3} /> : <ErrorNotice error={error} />}
      </Dialog>
    );
  }
  const dependants = dependantsOf(lineage, [version.id]);
  if (version.aliases.length > 0 || dependants.length > 0) {
    return (
      <Dialog title={`Version ${version.version} is in use`} open onClose={onClose}>
        <div className="space-y-3 text-sm text-ink-soft">
          {version.aliases.length > 0 && (
            <p>
              {version.aliases.length === 1 ? "The alias" : "The aliases"}{" "}
              <strong className="text-ink">{version.aliases.join(", ")}</strong>{" "}
              {version.aliases.length === 1 ? "points" : "point"} to it. Move or remove{" "}
              {version.aliases.length === 1 ? "it" : "them"} first, on the page’s tab Aliases.
            </p>
          )}
          <DependantList dependants={dependants} />
        </div>
      </Dialog>
    );
  }
  const confirm = async (): Promise<void> => {
    if (!(await remove.run())) return;
    onClose();
    // Its own page part would ask for what is gone until the event comes.
    await mutate((key) => Array.isArray(key) && key[1] === "/models/{id}");
  };
  return (
    <ConfirmDialog
      title={title}
      open
      onClose={onClose}
      confirmLabel="Delete the version"
      onConfirm={() => void confirm()}
      busy={remove.busy}
      error={remove.error}
    >
      <p>
        {version.by_reference
          ? "Its files lie outside the hub and stay where they are; the hub forgets them."
          : `Its files (${formatBytes(version.size_bytes)}) are removed from the hub’s store; those that other versions share stay.`}
      </p>
      <p>
        Its engine is unloaded. The number {version.version} is not used again. This cannot be
        undone.
      </p>
    </ConfirmDialog>
  );
}
