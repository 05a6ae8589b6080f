"use client";

import { Field, Input, Select } from "@/components/ui/field";
import { ModelInput } from "./model-input";

export interface Folder {
  path: string;
  /** A model value; only of adapters. */
  base: string;
  storage: "copy" | "reference";
}

interface FolderFieldsProps {
  folder: Folder;
  onChange: (folder: Folder) => void;
  /** What the path may name. */
  help: string;
}

/** GGUF files are converted, so they cannot stay where they are. */
export const isGguf = (path: string): boolean => path.toLowerCase().endsWith(".gguf");

export function FolderFields({ folder, onChange, help }: FolderFieldsProps) {
  const converted = isGguf(folder.path);
  return (
    <>
      <Field label="Path" help={help}>
        {(ids) => (
          <Input
            {...ids}
            value={folder.path}
            placeholder="/data/models/some-model"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => {
              const path = event.target.value;
              onChange({ ...folder, path, ...(isGguf(path) && { storage: "copy" }) });
            }}
          />
        )}
      </Field>
      <Field label="Base" help="Only of an adapter: the model that it was trained on">
        {(ids) => (
          <ModelInput
            {...ids}
            value={folder.base}
            onChange={(base) => onChange({ ...folder, base })}
          />
        )}
      </Field>
      <Field
        label="Its files"
        help={converted ? "A GGUF file is converted, so it is always copied." : undefined}
      >
        {(ids) => (
          <Select
            {...ids}
            value={folder.storage}
            disabled={converted}
            onChange={(event) =>
              onChange({
                ...folder,
                storage: event.target.value === "reference" ? "reference" : "copy",
              })
            }
          >
            <option value="copy">are copied into the hub’s store</option>
            <option value="reference">stay where they are</option>
          </Select>
        )}
      </Field>
    </>
  );
}
