export const datasetHref = (name: string): string =>
  `/datasets/view/?name=${encodeURIComponent(name)}`;

export const trainOnHref = (name: string): string => `/train/?dataset=${encodeURIComponent(name)}`;
