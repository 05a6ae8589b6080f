import { OfflineError, readError } from "./errors";
import { apiKey, keyWasRefused } from "./key";

interface UploadOptions {
  path: string;
  /** The body as it is, or a form with a file in it. */
  file: File | FormData;
  /** Of a file; the browser names that of a form. */
  contentType?: string;
  requestId: string;
  signal: AbortSignal;
  onProgress: (sentBytes: number) => void;
}

/** POSTs a file as the body and tells how much of it has gone out, which `fetch` cannot. Answers the JSON. */
export function upload(options: UploadOptions): Promise<unknown> {
  const { path, file, contentType, requestId, signal, onProgress } = options;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    if (contentType) request.setRequestHeader("Content-Type", contentType);
    request.setRequestHeader("X-Request-Id", requestId);
    const key = apiKey();
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onerror = () => reject(new OfflineError());
    request.onabort = () => reject(new DOMException("The upload was cancelled", "AbortError"));
    request.onload = () => {
      if (request.status < 300) {
        resolve(JSON.parse(request.responseText));
        return;
      }
      if (request.status === 401) keyWasRefused(key);
      const headers = new Headers({ "X-Request-Id": requestId });
      const answer = new Response(request.responseText, { status: request.status, headers });
      void readError(answer).then(reject);
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
