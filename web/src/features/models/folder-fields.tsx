"use client";

import { ModelPicker } from "@/components/pickers/model-picker";
import { Field, Input, Select } from "@/components/ui/field";

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
      <ModelPicker
        label="Base"
        none="It is no adapter"
        help="Of an adapter: the model that it was trained on"
        value={folder.base}
        onChange={(base) => onChange({ ...folder, base })}
      />
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
