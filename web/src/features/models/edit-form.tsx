"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Field, Input, Textarea } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { readTags, writeTags } from "./tag-text";

type Model = Schemas["Model"];

export interface ModelEdit {
  description: string;
  tags: Record<string, string>;
}

export async function saveEdit(model: Model, edit: ModelEdit): Promise<void> {
  await api.PATCH("/models/{id}", { params: { path: { id: model.id } }, body: edit });
}

interface EditFormProps {
  model: Model;
  onSave: (edit: ModelEdit) => Promise<void>;
  onDone: () => void;
}

export function EditForm({ model, onSave, onDone }: EditFormProps) {
  const [description, setDescription] = useState(model.description);
  const [tags, setTags] = useState(writeTags(model.tags));
  const save = useAction(onSave, { done: "Saved" });
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (await save.run({ description, tags: readTags(tags) })) onDone();
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <Field label="Description">
        {(ids) => (
          <Textarea
            {...ids}
            rows={4}
            maxLength={10_000}
            value={description}
            onChange={(event) => setDescription(event.target.value)}
          />
        )}
      </Field>
      <Field
        label="Tags"
        help="With commas between, each with a value or without: task: chat, draft"
      >
        {(ids) => (
          <Input
            {...ids}
            value={tags}
            autoComplete="off"
            onChange={(event) => setTags(event.target.value)}
          />
        )}
      </Field>
      <ErrorNotice error={save.error} title="It was not saved" />
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" look="primary" busy={save.busy}>
          Save
        </Button>
      </div>
    </form>
  );
}
