const allowed = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const repository = /^[\w.-]+\/[\w.-]+$/;

/** Why a text cannot name a model or an alias; null when it can. */
export function nameProblem(name: string): string | null {
  if (allowed.test(name)) return null;
  return "Letters, digits, dots, dashes and underscores, at most 100, with a letter or digit first";
}

/** Why a text is no repository of the Hugging Face Hub. */
export function repositoryProblem(text: string): string | null {
  return repository.test(text) ? null : "An organisation and a name with a slash between them";
}

/** A name for what comes from a repository, folder or file: its last part, without what names cannot have. */
export function suggestedName(source: string): string {
  const last =
    source
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1) ?? "";
  return last
    .replace(/\.(gguf|tar)$/i, "")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 100);
}
