"use client";

import { useState } from "react";
import type { Schemas } from "@/api/client";
import { Dialog } from "@/components/ui/dialog";
import { DropZone } from "./drop-zone";
import { NewDatasetNotice } from "./new-dataset-notice";
import { PathForm } from "./path-form";
import { UploadCard } from "./upload-card";

interface Intake {
  id: number;
  content: File | Schemas["Dataset"];
}

let lastId = 0;
const intake = (content: Intake["content"]): Intake => ({ id: (lastId += 1), content });

/** How data sets come in: dropped, chosen, or by a path on the hub's machine. */
export function DatasetIntake() {
  const [all, setAll] = useState<Intake[]>([]);
  const [byPath, setByPath] = useState(false);
  const remove = (id: number): void => setAll(all.filter((one) => one.id !== id));
  return (
    <div className="space-y-3">
      <DropZone
        onFiles={(files) => setAll([...files.map((file) => intake(file)), ...all])}
        onPath={() => setByPath(true)}
      />
      {all.map(({ id, content }) =>
        content instanceof File ? (
          <UploadCard key={id} file={content} onClose={() => remove(id)} />
        ) : (
          <NewDatasetNotice key={id} dataset={content} onClose={() => remove(id)} />
        ),
      )}
      <Dialog title="Register by path" open={byPath} onClose={() => setByPath(false)} wide>
        <PathForm
          onDone={(dataset) => {
            setByPath(false);
            setAll([intake(dataset), ...all]);
          }}
        />
      </Dialog>
    </div>
  );
}
