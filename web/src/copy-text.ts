/**
 * Puts a text onto the clipboard. Browsers have `navigator.clipboard` only on https and on this computer; a hub that
 * is read from another one over http gets the old command.
 */
export async function copyText(text: string): Promise<void> {
  // The types promise what only secure pages have.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return clipboard.writeText(text);
  const copy = (event: ClipboardEvent): void => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", copy, { once: true });
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way on such a page.
  const done = document.execCommand("copy");
  document.removeEventListener("copy", copy);
  if (!done) throw new Error("this browser does not let pages copy");
}
