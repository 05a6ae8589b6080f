"use client";

import { useRouter } from "next/navigation";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ui/dialog";
import { plural } from "@/format";

interface DeleteDatasetProps {
  dataset: Schemas["Dataset"];
  open: boolean;
  onClose: () => void;
}

/** Removes a data set, after saying what goes and what stays. */
export function DeleteDataset({ dataset, open, onClose }: DeleteDatasetProps) {
  const router = useRouter();
  const remove = useAction(
    async () => {
      await api.DELETE("/datasets/{id}", { params: { path: { id: dataset.id } } });
      router.push("/datasets/");
    },
    { done: `Removed ${dataset.name}` },
  );
  return (
    <ConfirmDialog
      title={`Delete ${dataset.name}?`}
      open={open}
      onClose={() => {
        onClose();
        remove.reset();
      }}
      confirmLabel="Delete the data set"
      busy={remove.busy}
      error={remove.error}
      onConfirm={() => void remove.run()}
    >
      <p>
        Its {plural(dataset.rows, "row")} to train on and its other parts are removed from the
        hub&apos;s store. The file that it was made of, elsewhere, is not touched.
      </p>
      <p>
        Models that were trained on it and evaluations stay, with the digest of the rows. Their jobs
        can no longer be reproduced, and nothing new can be compared with those evaluations.
      </p>
      <p>A job that has not ended and uses it keeps it from being removed.</p>
    </ConfirmDialog>
  );
}
