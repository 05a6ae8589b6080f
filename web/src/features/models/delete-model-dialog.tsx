"use client";

import { useAction } from "@/api/action";
import { api, useHub, type Schemas } from "@/api/client";
import { ConfirmDialog, Dialog } from "@/components/ui/dialog";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { formatBytes, plural } from "@/format";
import { DependantList } from "./dependant-list";
import { dependantsOf } from "./lineage";

interface DeleteModelDialogProps {
  model: Schemas["Model"];
  onClose: () => void;
  onDeleted: () => void;
}

export function DeleteModelDialog({ model, onClose, onDeleted }: DeleteModelDialogProps) {
  const path = { id: model.id };
  const lineage = useHub("/models/{id}/lineage", { params: { path } });
  const versions = useHub("/models/{id}/versions", { params: { path, query: { limit: 200 } } });
  const remove = useAction(
    async () => {
      await api.DELETE("/models/{id}", { params: { path } });
    },
    { done: `${model.name} is deleted` },
  );
  const title = `Delete ${model.name}?`;
  if (!lineage.data || !versions.data) {
    const error: unknown = lineage.error ?? versions.error;
    return (
      <Dialog title={title} open onClose={onClose}>
        {error == null ? <SkeletonRows rows={3} /> : <ErrorNotice error={error} />}
      </Dialog>
    );
  }
  const ids = model.versions.map((version) => version.id);
  const dependants = dependantsOf(lineage.data, ids);
  // Only adapters hold their base; merged and quantized models live on by themselves.
  const holding = new Set(
    lineage.data.edges.filter((edge) => edge.relation === "base").map((edge) => edge.to),
  );
  const blockers = dependants.filter((node) => holding.has(node.id));
  if (blockers.length > 0) {
    return (
      <Dialog title={`${model.name} is in use`} open onClose={onClose}>
        <div className="text-sm text-ink-soft">
          <DependantList dependants={blockers} />
        </div>
      </Dialog>
    );
  }
  const confirm = async (): Promise<void> => {
    if (await remove.run()) onDeleted();
  };
  const aliases = Object.keys(model.aliases);
  const outside = versions.data.data.filter((version) => version.by_reference).length;
  const bytes = versions.data.data.reduce(
    (sum, version) => sum + (version.by_reference ? 0 : version.size_bytes),
    0,
  );
  const complete = versions.data.next_cursor == null;
  return (
    <ConfirmDialog
      title={title}
      open
      onClose={onClose}
      confirmLabel="Delete the model"
      onConfirm={() => void confirm()}
      busy={remove.busy}
      error={remove.error}
    >
      <p>With it go:</p>
      <ul className="list-disc space-y-1 pl-5">
        <li>
          {plural(model.versions.length, "version")}
          {bytes > 0 &&
            `, ${complete ? "" : "more than "}${formatBytes(bytes)} of files in the hub’s store (less what others share)`}
        </li>
        {aliases.length > 0 && (
          <li>
            {aliases.length === 1 ? "the alias" : "the aliases"} {aliases.join(", ")}: requests for
            them are refused
          </li>
        )}
        <li>its engine, if it is loaded</li>
      </ul>
      {outside > 0 && (
        <p>The files of {plural(outside, "version")} lie outside the hub and stay there.</p>
      )}
      {dependants.length > 0 && (
        <p>
          {dependants.map((node) => `${node.model ?? "?"} v${node.version ?? "?"}`).join(", ")}{" "}
          {dependants.length === 1 ? "stays, but no longer knows" : "stay, but no longer know"}{" "}
          where {dependants.length === 1 ? "it comes" : "they come"} from.
        </p>
      )}
      <p>This cannot be undone.</p>
    </ConfirmDialog>
  );
}
