import { saveFile } from "@/save-file";
import { expectOk, hubFetch } from "./client";

/** Between two reports of how far it is. */
const reportMs = 200;

/**
 * Saves an answer of the hub as a file, with the API key that a plain link could not send. The browser keeps the bytes
 * until all are here, on disk where they are many.
 */
export async function download(
  path: string,
  name: string,
  signal: AbortSignal,
  onProgress: (receivedBytes: number) => void,
): Promise<void> {
  const response = await expectOk(await hubFetch(path, { signal }));
  let received = 0;
  let reported = 0;
  const counted = response.body?.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        received += chunk.byteLength;
        const now = performance.now();
        if (now - reported >= reportMs) {
          reported = now;
          onProgress(received);
        }
        controller.enqueue(chunk);
      },
    }),
  );
  saveFile(name, await new Response(counted).blob());
}
