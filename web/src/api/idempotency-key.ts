/**
 * A new value for the header Idempotency-Key. `crypto.randomUUID` exists only on https and localhost, and a hub may be
 * opened by another name.
 */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
