export type ModelTab = "versions" | "lineage" | "files" | "configuration" | "aliases" | "sync";

interface ModelPlace {
  tab?: ModelTab;
  /** The number of a version. */
  version?: number;
}

/** The page of a model, by name or id. */
export function modelHref(name: string, { tab, version }: ModelPlace = {}): string {
  const query = new URLSearchParams({ name });
  if (tab) query.set("tab", tab);
  if (version != null) query.set("version", String(version));
  return `/models/view/?${query.toString()}`;
}

const withModel = (path: string, model: string): string =>
  `${path}?${new URLSearchParams({ model }).toString()}`;

export const chatHref = (model: string): string => withModel("/playground/", model);
export const trainHref = (model: string): string => withModel("/train/", model);
export const evaluateHref = (model: string): string => withModel("/evaluations/", model);
export const jobHref = (id: string): string =>
  `/jobs/view/?${new URLSearchParams({ id }).toString()}`;
export const datasetHref = (idOrName: string): string =>
  `/datasets/view/?${new URLSearchParams({ name: idOrName }).toString()}`;
