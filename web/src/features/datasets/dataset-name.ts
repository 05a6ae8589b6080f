/** What the hub takes as a name: letters, digits, dot, underscore and hyphen, up to 100, a letter or digit first. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** A name for a data set made of its file's, as the hub itself makes one. */
export function nameOfFile(fileName: string): string {
  const last = fileName.split(/[\\/]/).findLast((part) => part !== "") ?? "";
  const stem = last.replace(/\.[^.]*$/, "").slice(0, 80);
  const clean = stem.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "");
  return clean || "data";
}

/** Why a name cannot be taken; null when it can. */
export function nameProblem(name: string): string | null {
  if (namePattern.test(name)) return null;
  if (name === "") return "A name is needed";
  return name.length > 100
    ? "At most 100 characters"
    : "Letters, digits, dots, underscores and hyphens; a letter or digit first";
}
