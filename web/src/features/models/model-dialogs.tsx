"use client";

import { useRouter } from "next/navigation";
import type { Schemas } from "@/api/client";
import { Dialog } from "@/components/ui/dialog";
import { useToasts } from "@/components/ui/toast";
import { ArchiveDownload } from "./archive-download";
import { DeleteModelDialog } from "./delete-model-dialog";
import { EditForm, saveEdit } from "./edit-form";
import { MergeForm } from "./merge-form";
import { jobHref } from "@/links";
import { PullForm } from "./pull-form";
import { PushForm } from "./push-form";
import { QuantizeForm } from "./quantize-form";
import { VersionForm } from "./version-form";

export type ModelDialog =
  "edit" | "pull" | "push" | "merge" | "quantize" | "version" | "archive" | "delete";

interface ModelDialogsProps {
  dialog: ModelDialog;
  model: Schemas["Model"];
  onChange: (next: Schemas["Model"], save: () => Promise<unknown>) => Promise<unknown>;
  onClose: () => void;
  onDeleted: () => void;
}

/** What the menu of a model opens; loaded when the first of them is. */
export function ModelDialogs({ dialog, model, onChange, onClose, onDeleted }: ModelDialogsProps) {
  const router = useRouter();
  const toasts = useToasts();
  const follow = (job: Schemas["Job"]): void => {
    toasts.say(`The job to ${job.type} ${model.name} is queued`);
    onClose();
    router.push(jobHref(job.id));
  };
  const { name } = model;
  switch (dialog) {
    case "edit":
      return (
        <Dialog title={`Edit ${name}`} open onClose={onClose}>
          <EditForm
            model={model}
            onSave={async (edit) => {
              await onChange({ ...model, ...edit }, () => saveEdit(model, edit));
            }}
            onDone={onClose}
          />
        </Dialog>
      );
    case "pull":
      return (
        <Dialog title={`Pull ${name}`} open onClose={onClose} wide>
          <PullForm name={name} onDone={onClose} />
        </Dialog>
      );
    case "push":
      return (
        <Dialog title={`Push ${name} to the Hugging Face Hub`} open onClose={onClose}>
          <PushForm model={model} onDone={onClose} />
        </Dialog>
      );
    case "merge":
      return (
        <Dialog title={`Merge ${name} into its base`} open onClose={onClose}>
          <MergeForm value={name} name={name} onQueued={follow} onCancel={onClose} />
        </Dialog>
      );
    case "quantize":
      return (
        <Dialog title={`Quantize ${name}`} open onClose={onClose}>
          <QuantizeForm value={name} name={name} onQueued={follow} onCancel={onClose} />
        </Dialog>
      );
    case "version":
      return (
        <Dialog title={`Add a version to ${name}`} open onClose={onClose}>
          <VersionForm model={model} onDone={onClose} />
        </Dialog>
      );
    case "archive":
      return (
        <Dialog title={`Archive of ${name}`} open onClose={onClose}>
          <ArchiveDownload model={model} />
        </Dialog>
      );
    case "delete":
      return <DeleteModelDialog model={model} onClose={onClose} onDeleted={onDeleted} />;
  }
}
