/** Where a version came from, as far as the hub noted it: a repository of the Hub, or a GGUF file. */
export function sourceFacts(source: Record<string, unknown> | null): [string, string][] {
  if (!source) return [];
  const text = (name: string): string | null => {
    const value = source[name];
    return typeof value === "string" && value !== "" ? value : null;
  };
  const facts: [string, string][] = [];
  const repository = text("repository");
  if (repository) {
    const revision = text("revision");
    const commit = text("commit");
    facts.push([
      "Pulled from",
      [repository, revision && `at ${revision}`, commit && `(${commit.slice(0, 12)})`]
        .filter(Boolean)
        .join(" "),
    ]);
  }
  const known = new Set(["repository", "revision", "commit"]);
  for (const name of Object.keys(source)) {
    const value = text(name);
    if (!known.has(name) && value) facts.push([labelOf(name), value]);
  }
  return facts;
}

const labels: Record<string, string> = {
  file: "From the file",
  note: "Note",
  sha256: "Its SHA-256",
};

const labelOf = (name: string): string => labels[name] ?? name.replaceAll("_", " ");
