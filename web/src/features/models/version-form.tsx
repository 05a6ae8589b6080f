"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { isAbort } from "@/api/errors";
import { Button } from "@/components/ui/button";
import { ErrorNotice } from "@/components/ui/states";
import { FolderFields, type Folder } from "./folder-fields";
import { ImportProgress } from "./imports-card";
import { useTakingIn } from "./taking-in";

interface VersionFormProps {
  model: Schemas["Model"];
  onDone: () => void;
}

/** Another version of a model, out of a folder on the hub's machine. */
export function VersionForm({ model, onDone }: VersionFormProps) {
  const [folder, setFolder] = useState<Folder>({ path: "", base: "", storage: "copy" });
  const { running, follow, cancel } = useTakingIn();
  const add = useAction(
    () =>
      follow(async (requestId, signal) => {
        const { data } = await api.POST("/models/{id}/versions", {
          params: { path: { id: model.id } },
          headers: { "X-Request-Id": requestId },
          signal,
          body: {
            path: folder.path,
            storage: folder.storage,
            ...(folder.base !== "" && { base: folder.base }),
          },
        });
        return data;
      }),
    { done: (version) => `Version ${version?.version ?? ""} is here` },
  );
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (await add.run()) onDone();
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <fieldset disabled={add.busy} className="space-y-4">
        <FolderFields
          folder={folder}
          onChange={setFolder}
          help="A model folder or an adapter folder, inside a folder that the hub may read"
        />
      </fieldset>
      <div aria-live="polite">{running && <ImportProgress running={running} />}</div>
      {!isAbort(add.error) && (
        <ErrorNotice error={add.error} title="The version could not be added" />
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={add.busy ? cancel : onDone}>Cancel</Button>
        <Button type="submit" look="primary" busy={add.busy} disabled={folder.path === ""}>
          Add it
        </Button>
      </div>
    </form>
  );
}
