"use client";

import { useSWRConfig } from "swr";
import { api } from "@/api/client";
import { useAction } from "@/api/action";

/** The `model` value that means exactly one version: "smollm2:3". */
async function exactly(versionId: string): Promise<string> {
  const { data } = await api.GET("/versions/{id}", { params: { path: { id: versionId } } });
  if (!data) throw new Error(`There is no version ${versionId}`);
  return `${data.model}:${data.version}`;
}

const at = (model: string) => ({ params: { path: { model } } });

/** Loading, unloading and pinning engines; every list of engines is asked for again afterwards. */
export function useEngineActions() {
  const { mutate } = useSWRConfig();
  const refresh = (): Promise<unknown> =>
    mutate((key) => Array.isArray(key) && (key[1] === "/system" || key[1] === "/engines"));
  const load = useAction(
    async (model: string) => {
      await api.POST("/engines/{model}/load", at(model));
      await refresh();
      return model;
    },
    { done: (model) => `${model} is loaded`, failed: "The model could not be loaded" },
  );
  const unload = useAction(
    async (versionId: string) => {
      const model = await exactly(versionId);
      await api.POST("/engines/{model}/unload", at(model));
      await refresh();
      return model;
    },
    { done: (model) => `${model} is unloaded`, failed: "The model could not be unloaded" },
  );
  const pin = useAction(
    async (versionId: string, pinned: boolean) => {
      await api.POST("/engines/{model}/pin", {
        ...at(await exactly(versionId)),
        body: { pinned },
      });
      await refresh();
    },
    { failed: "The pin could not be changed" },
  );
  return { load, unload, pin };
}
