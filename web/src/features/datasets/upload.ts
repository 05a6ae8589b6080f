import type { Schemas } from "@/api/client";
import { newRequestId } from "@/api/request-id";
import { upload } from "@/api/upload";

export interface DatasetOptions {
  name: string;
  split: Schemas["DatasetSplit"] | null;
  skipBadRows: boolean;
}

/** The form's fields in front of the file, so that what is wrong with them is known before it is read. */
export function uploadForm(file: File, { name, split, skipBadRows }: DatasetOptions): FormData {
  const form = new FormData();
  form.set("name", name);
  form.set("skip_bad_rows", String(skipBadRows));
  if (split) form.set("split", JSON.stringify(split));
  form.set("file", file);
  return form;
}

export async function uploadDataset(
  file: File,
  options: DatasetOptions,
  onProgress: (sentBytes: number) => void,
  signal: AbortSignal,
): Promise<Schemas["Dataset"]> {
  const answer = await upload({
    path: "/datasets",
    file: uploadForm(file, options),
    requestId: newRequestId(),
    signal,
    onProgress,
  });
  // The one answer of this route that is no error.
  return answer as Schemas["Dataset"];
}
