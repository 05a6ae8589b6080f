// Where the dashboard's pages are. Ids and names go by query, since an export knows none of them.

export type ModelTab = "versions" | "lineage" | "files" | "configuration" | "aliases" | "sync";

interface ModelPlace {
  tab?: ModelTab;
  /** The number of a version. */
  version?: number;
}

/** `path?key=value&…` of what is there. */
function at(path: string, query: Record<string, string | number | undefined>): string {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return parts.length > 0 ? `${path}?${parts.join("&")}` : path;
}

/** The page of a model, by name. */
export const modelHref = (name: string, { tab, version }: ModelPlace = {}): string =>
  at("/models/view/", { name, tab, version });
export const modelIdHref = (id: string): string => at("/models/view/", { id });
export const datasetHref = (name: string): string => at("/datasets/view/", { name });
export const datasetIdHref = (id: string): string => at("/datasets/view/", { id });
export const jobHref = (id: string): string => at("/jobs/view/", { id });

/** A comma in an address is itself: the ids can be read. */
export const compareJobsHref = (ids: readonly string[]): string =>
  `/jobs/compare/?ids=${ids.join(",")}`;
export const compareEvaluationsHref = (ids: readonly string[]): string =>
  ids.length > 0 ? `/evaluations/?compare=${ids.join(",")}` : "/evaluations/";

export const chatHref = (model: string): string => at("/playground/", { model });
export const evaluateHref = (model: string): string => at("/evaluations/", { model });
export const trainHref = (model: string): string => at("/train/", { model });
export const trainOnHref = (dataset: string): string => at("/train/", { dataset });
/** With the settings of an earlier job. */
export const trainAgainHref = (jobId: string): string => at("/train/", { from: jobId });
