"use client";

import { useState, type SubmitEvent } from "react";
import { api, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { newIdempotencyKey } from "@/api/idempotency-key";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { nameOfFile } from "./dataset-name";
import { DatasetOptionsFields, newOptions, optionProblems, optionsOf } from "./dataset-options";

interface PathDialogProps {
  open: boolean;
  onClose: () => void;
  onDone: (dataset: Schemas["Dataset"]) => void;
}

/** Registers a file or folder that lies on the hub's machine. */
export function PathDialog({ open, onClose, onDone }: PathDialogProps) {
  return (
    <Dialog title="Register by path" open={open} onClose={onClose} wide>
      <PathForm onDone={onDone} />
    </Dialog>
  );
}

function PathForm({ onDone }: { onDone: PathDialogProps["onDone"] }) {
  const [path, setPath] = useState("");
  const [draft, setDraft] = useState(() => newOptions(""));
  const [named, setNamed] = useState(false);
  const register = useAction(async () => {
    const { name, split, skipBadRows } = optionsOf(draft);
    const { data } = await api.POST("/datasets", {
      params: { header: { "Idempotency-Key": newIdempotencyKey() } },
      body: { name, path: path.trim(), skip_bad_rows: skipBadRows, split },
    });
    if (data) onDone(data);
  });
  const complete = path.trim() !== "" && Object.keys(optionProblems(draft)).length === 0;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (complete) void register.run();
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field
        label="Path on the hub's machine"
        help="A file, or a folder with train.jsonl and, if there, valid.jsonl and test.jsonl; inside the data folder or one that --allow-path names. It is copied."
      >
        {(ids) => (
          <Input
            {...ids}
            value={path}
            spellCheck={false}
            className="font-mono"
            onChange={(event) => {
              setPath(event.target.value);
              if (!named) setDraft({ ...draft, name: nameOfFile(event.target.value) });
            }}
          />
        )}
      </Field>
      {path.trim() !== "" && (
        <DatasetOptionsFields
          draft={draft}
          disabled={register.busy}
          onChange={(changed) => {
            if (changed.name !== draft.name) setNamed(true);
            setDraft(changed);
          }}
        />
      )}
      <ErrorNotice error={register.error} title="The data set was not registered" />
      <Button look="primary" type="submit" busy={register.busy} disabled={!complete}>
        {register.busy ? "Reading and checking" : "Register"}
      </Button>
    </form>
  );
}
