"use client";

import { useMemo } from "react";
import { useHub, type Schemas } from "@/api/client";
import { useAllModels } from "@/components/pickers/model-picker";
import { modelOptions, type ModelOption } from "./model-options";

const none: Schemas["Model"][] = [];

interface Models {
  models: Schemas["Model"][];
  options: ModelOption[];
  isLoading: boolean;
  error: unknown;
}

/** What can be asked. A key that may only ask sees bare names; who may read sees versions, aliases and adapters. */
export function useModels(): Models {
  const served = useHub("/v1/models");
  const all = useAllModels();
  const names = served.data?.data;
  const models = all.models ?? none;
  const options = useMemo(() => modelOptions(names ?? [], models), [names, models]);
  return { models, options, isLoading: served.isLoading, error: served.error };
}
