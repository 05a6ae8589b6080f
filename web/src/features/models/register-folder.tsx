"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api } from "@/api/client";
import { isAbort } from "@/api/errors";
import { Button } from "@/components/ui/button";
import { ErrorNotice } from "@/components/ui/states";
import { FolderFields, type Folder } from "./folder-fields";
import { ImportProgress } from "./imports-card";
import { nameProblem, suggestedName } from "./model-name";
import { NameField } from "./register-repository";
import { useTakingIn } from "./taking-in";

/** A folder or GGUF file on the machine that the hub runs on. */
export function RegisterFolder({ onRegistered }: { onRegistered: (name: string) => void }) {
  const [folder, setFolder] = useState<Folder>({ path: "", base: "", storage: "copy" });
  const [ownName, setOwnName] = useState<string | null>(null);
  const name = ownName ?? suggestedName(folder.path);
  const { running, follow, cancel } = useTakingIn();
  const register = useAction(async () => {
    await follow((requestId, signal) =>
      api.POST("/models", {
        headers: { "X-Request-Id": requestId },
        signal,
        body: {
          name,
          base_model: folder.path,
          storage: folder.storage,
          ...(folder.base !== "" && { base: folder.base }),
        },
      }),
    );
  });
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (await register.run()) onRegistered(name);
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <fieldset disabled={register.busy} className="space-y-4">
        <FolderFields
          folder={folder}
          onChange={setFolder}
          help="A model folder, an adapter folder or a .gguf file, inside a folder that the hub may read"
        />
        <NameField name={name} onChange={setOwnName} />
      </fieldset>
      <div aria-live="polite">{running && <ImportProgress running={running} />}</div>
      {!isAbort(register.error) && (
        <ErrorNotice error={register.error} title="The model could not be registered" />
      )}
      <div className="flex justify-end gap-2">
        {register.busy && <Button onClick={cancel}>Cancel</Button>}
        <Button
          type="submit"
          look="primary"
          busy={register.busy}
          disabled={folder.path === "" || nameProblem(name) != null}
        >
          Register
        </Button>
      </div>
    </form>
  );
}
