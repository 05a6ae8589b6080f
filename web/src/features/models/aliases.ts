"use client";

import { api, useHub, type Schemas } from "@/api/client";

type Alias = Schemas["Alias"];

export interface AliasMove {
  alias: string;
  version: Schemas["Version"];
  require: { metric: string; not_worse_than: string } | null;
}

/** The aliases of a model. What is changed is shown at once, and taken back when the hub refuses. */
export function useAliases(model: Schemas["Model"]) {
  const path = { id: model.id };
  const { data, error, mutate } = useHub("/models/{id}/aliases", { params: { path } });
  const aliases = data?.data;
  const change = async (next: Alias[], call: () => Promise<unknown>): Promise<void> => {
    const list = { data: next, next_cursor: null };
    await mutate(
      async () => {
        await call();
        return list;
      },
      { optimisticData: list, rollbackOnError: true },
    );
  };
  const move = async ({ alias, version, require }: AliasMove): Promise<void> => {
    const moved: Alias = {
      model: model.name,
      model_id: model.id,
      alias,
      version: version.version,
      version_id: version.id,
      updated_at: new Date().toISOString(),
    };
    const rest = (aliases ?? []).filter((one) => one.alias !== alias);
    await change(
      [...rest, moved].sort((a, b) => a.alias.localeCompare(b.alias)),
      () =>
        api.PUT("/models/{id}/aliases/{alias}", {
          params: { path: { ...path, alias } },
          body: { version: version.version, ...(require && { require }) },
        }),
    );
  };
  const remove = async (alias: string): Promise<void> => {
    await change(
      (aliases ?? []).filter((one) => one.alias !== alias),
      () => api.DELETE("/models/{id}/aliases/{alias}", { params: { path: { ...path, alias } } }),
    );
  };
  return { aliases, error, retry: () => void mutate(), move, remove };
}
