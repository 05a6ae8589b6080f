import type { Schemas } from "@/api/client";

export type SortKey = "name" | "size" | "updated" | "created";

export interface ModelSort {
  by: SortKey;
  descending: boolean;
}

export interface ModelFilters {
  /** Part of the name, the description or a tag. */
  q: string;
  kind: Schemas["VersionKind"] | "";
  state: Schemas["VersionState"] | "";
  architecture: string;
  /** `key` or `key:value`. */
  tag: string;
  sort: ModelSort;
}

export const kinds: readonly Schemas["VersionKind"][] = ["base", "adapter", "merged", "quantized"];
export const states: readonly Schemas["VersionState"][] = ["ready", "pending", "corrupt"];
const sortKeys: readonly SortKey[] = ["name", "size", "updated", "created"];

export const noFilters: ModelFilters = {
  q: "",
  kind: "",
  state: "",
  architecture: "",
  tag: "",
  sort: { by: "updated", descending: true },
};

/** As the address has them; what it cannot mean counts as absent. */
export function readFilters(params: Pick<URLSearchParams, "get">): ModelFilters {
  const text = (name: string): string => params.get(name) ?? "";
  const sort = text("sort");
  const by = sortKeys.find((key) => key === sort.replace(/^-/, ""));
  return {
    q: text("q"),
    kind: kinds.find((kind) => kind === text("kind")) ?? "",
    state: states.find((state) => state === text("state")) ?? "",
    architecture: text("architecture"),
    tag: text("tag"),
    sort: by ? { by, descending: sort.startsWith("-") } : noFilters.sort,
  };
}

/** The address that stands for the filters; what is as usual is left out. */
export function writeFilters(filters: ModelFilters): string {
  const params = new URLSearchParams();
  for (const name of ["q", "kind", "state", "architecture", "tag"] as const) {
    if (filters[name] !== "") params.set(name, filters[name]);
  }
  const sort = wordOf(filters.sort);
  if (sort !== wordOf(noFilters.sort)) params.set("sort", sort);
  const query = params.toString();
  return query === "" ? "" : `?${query}`;
}

export const wordOf = ({ by, descending }: ModelSort): string => (descending ? "-" : "") + by;

export function isFiltered({ q, kind, state, architecture, tag }: ModelFilters): boolean {
  return [q, kind, state, architecture, tag].some((value) => value !== "");
}

type ServerSort = "created" | "-created" | "name" | "-name" | "updated" | "-updated";

const serverSorts: Record<string, ServerSort> = {
  name: "name",
  "-name": "-name",
  updated: "updated",
  "-updated": "-updated",
  created: "created",
  "-created": "-created",
};

/** The query of GET /models. Sizes it cannot sort by: those are sorted here, once every model has come. */
export function queryOf(filters: ModelFilters) {
  const { q, kind, state, architecture, tag, sort } = filters;
  return {
    ...(q !== "" && { q }),
    ...(kind !== "" && { kind }),
    ...(state !== "" && { state }),
    ...(architecture !== "" && { architecture }),
    ...(tag !== "" && { tag }),
    sort: serverSorts[wordOf(sort)] ?? ("name" as const),
  };
}

export function sortBySize<Sized extends { size_bytes: number }>(
  models: readonly Sized[],
  descending: boolean,
): Sized[] {
  return [...models].sort((a, b) => (a.size_bytes - b.size_bytes) * (descending ? -1 : 1));
}

interface Facets {
  architectures: string[];
  tags: string[];
}

/** What the models can be narrowed by. A tag with a value can be meant with it and without. */
export function facetsOf(models: readonly Schemas["Model"][]): Facets {
  const architectures = new Set<string>();
  const tags = new Set<string>();
  for (const model of models) {
    if (model.architecture) architectures.add(model.architecture);
    for (const [key, value] of Object.entries(model.tags)) {
      tags.add(key);
      if (value !== "") tags.add(`${key}:${value}`);
    }
  }
  return { architectures: [...architectures].sort(), tags: [...tags].sort() };
}
