"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Field, Input, Select } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { ImportProgress } from "./imports-card";
import { ModelInput } from "./model-input";
import { nameProblem, suggestedName } from "./model-name";
import { NameField } from "./register-repository";
import { useTakingIn } from "./taking-in";

/** A folder or GGUF file on the machine that the hub runs on. */
export function RegisterFolder({ onRegistered }: { onRegistered: (name: string) => void }) {
  const [path, setPath] = useState("");
  const [ownName, setOwnName] = useState<string | null>(null);
  const [base, setBase] = useState("");
  const [storage, setStorage] = useState<"copy" | "reference">("copy");
  const name = ownName ?? suggestedName(path);
  const isFile = path.toLowerCase().endsWith(".gguf");
  const { running, follow, cancel } = useTakingIn();
  const register = useAction(async () => {
    await follow((requestId, signal) =>
      api.POST("/models", {
        headers: { "X-Request-Id": requestId },
        signal,
        body: {
          name,
          base_model: path,
          storage: isFile ? "copy" : storage,
          ...(base !== "" && { base }),
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
        <Field
          label="Path"
          help="A model folder, an adapter folder or a .gguf file, inside a folder that the hub may read"
        >
          {(ids) => (
            <Input
              {...ids}
              value={path}
              placeholder="/data/models/some-model"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setPath(event.target.value)}
            />
          )}
        </Field>
        <NameField name={name} onChange={setOwnName} />
        <Field label="Base" help="Only of an adapter: the model that it was trained on">
          {(ids) => <ModelInput {...ids} value={base} onChange={setBase} />}
        </Field>
        <Field
          label="Its files"
          help={isFile ? "A GGUF file is converted, so it is always copied." : undefined}
        >
          {(ids) => (
            <Select
              {...ids}
              value={isFile ? "copy" : storage}
              disabled={isFile}
              onChange={(event) =>
                setStorage(event.target.value === "reference" ? "reference" : "copy")
              }
            >
              <option value="copy">are copied into the hub’s store</option>
              <option value="reference">stay where they are</option>
            </Select>
          )}
        </Field>
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
          disabled={path === "" || nameProblem(name) != null}
        >
          Register
        </Button>
      </div>
    </form>
  );
}

/** The user's own cancelling is no failure. */
export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "AbortError";
