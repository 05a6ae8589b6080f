/** A name for a data set made of its file's, as the hub itself makes one. */
export function nameOfFile(fileName: string): string {
  const last = fileName.split(/[\\/]/).findLast((part) => part !== "") ?? "";
  const stem = last.replace(/\.[^.]*$/, "").slice(0, 80);
  const clean = stem.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "");
  return clean || "data";
}
