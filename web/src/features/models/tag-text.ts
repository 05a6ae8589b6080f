/** "task: chat, draft" for {task: "chat", draft: ""}. */
export function writeTags(tags: Record<string, string>): string {
  return Object.entries(tags)
    .map(([key, value]) => (value === "" ? key : `${key}: ${value}`))
    .join(", ");
}

/** Tags with commas or new lines between, a colon before each value. A tag that comes twice has its last value. */
export function readTags(text: string): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const part of text.split(/[,\n]/)) {
    const colon = part.indexOf(":");
    const key = (colon < 0 ? part : part.slice(0, colon)).trim();
    if (key !== "") tags[key] = colon < 0 ? "" : part.slice(colon + 1).trim();
  }
  return tags;
}
