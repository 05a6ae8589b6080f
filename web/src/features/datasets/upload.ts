import type { Schemas } from "@/api/client";
import { OfflineError, readError } from "@/api/errors";
import { newIdempotencyKey } from "@/api/idempotency-key";
import { apiKey, askForKey } from "@/api/key";

export interface DatasetOptions {
  name: string;
  split: Schemas["DatasetSplit"] | null;
  skipBadRows: boolean;
}

export class UploadCancelled extends Error {
  override readonly name = "UploadCancelled";
}

export interface UploadProgress {
  sent: number;
  total: number;
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

/** Sends a file. `fetch` cannot tell how much has been sent, XMLHttpRequest can. */
export function uploadDataset(
  file: File,
  options: DatasetOptions,
  onProgress: (progress: UploadProgress) => void,
  signal: AbortSignal,
): Promise<Schemas["Dataset"]> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/datasets");
    const key = apiKey();
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.setRequestHeader("Idempotency-Key", newIdempotencyKey());
    request.upload.addEventListener("progress", (event) =>
      onProgress({ sent: event.loaded, total: event.total }),
    );
    request.addEventListener("load", () => {
      if (request.status === 201) {
        resolve(JSON.parse(request.responseText) as Schemas["Dataset"]);
        return;
      }
      if (request.status === 401) askForKey();
      void readError(responseOf(request)).then(reject, reject);
    });
    request.addEventListener("error", () => reject(new OfflineError()));
    request.addEventListener("abort", () => reject(new UploadCancelled("Cancelled")));
    signal.addEventListener("abort", () => request.abort());
    request.send(uploadForm(file, options));
  });
}

function responseOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const name of ["X-Request-Id", "Retry-After"]) {
    const value = request.getResponseHeader(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(request.responseText, {
    status: request.status,
    statusText: request.statusText,
    headers,
  });
}
