export const jobHref = (id: string): string => `/jobs/view/?id=${encodeURIComponent(id)}`;

export const versionHref = (model: string, version: number): string =>
  `/models/view/?name=${encodeURIComponent(model)}&version=${version}`;

export const datasetHref = (name: string): string =>
  `/datasets/view/?name=${encodeURIComponent(name)}`;

export const compareHref = (ids: readonly string[]): string =>
  ids.length > 0 ? `/evaluations/?compare=${ids.join(",")}` : "/evaluations/";
