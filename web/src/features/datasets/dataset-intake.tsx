"use client";

import { useState } from "react";
import type { Schemas } from "@/api/client";
import { lazily, useHasBeen, useLoadedLater } from "@/components/ui/lazily";
import { DropZone } from "./drop-zone";

const loadUpload = () => import("./upload-card");
const loadNotice = () => import("./new-dataset-notice");
const loadByPath = () => import("./path-form");
const UploadCard = lazily(() => loadUpload().then((module) => module.UploadCard));
const NewDatasetNotice = lazily(() => loadNotice().then((module) => module.NewDatasetNotice));
const PathDialog = lazily(() => loadByPath().then((module) => module.PathDialog));

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
  const hasAskedForPath = useHasBeen(byPath);
  useLoadedLater(loadUpload);
  useLoadedLater(loadNotice);
  useLoadedLater(loadByPath);
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
      {hasAskedForPath && (
        <PathDialog
          open={byPath}
          onClose={() => setByPath(false)}
          onDone={(dataset) => {
            setByPath(false);
            setAll([intake(dataset), ...all]);
          }}
        />
      )}
    </div>
  );
}
