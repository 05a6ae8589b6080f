"use client";

import { useMemo } from "react";
import { useHub, type Schemas } from "@/api/client";
import { modelOptions, type ModelOption } from "./model-options";

/** The most that the hub lists at once; whatever is beyond them can be asked by its bare name. */
const mostModels = 200;

const none: Schemas["Model"][] = [];

interface Models {
  models: Schemas["Model"][];
  options: ModelOption[];
  isLoading: boolean;
  error: unknown;
}

/** What can be asked. */
export function useModels(): Models {
  const served = useHub("/v1/models");
  const { data } = useHub("/models", {
    params: { query: { limit: mostModels, state: "ready", sort: "-updated" } },
  });
  const names = served.data?.data;
  const models = data?.data ?? none;
  const options = useMemo(() => modelOptions(names ?? [], models), [names, models]);
  return { models, options, isLoading: served.isLoading, error: served.error };
}
