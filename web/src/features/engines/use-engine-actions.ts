"use client";

import { useSWRConfig } from "swr";
import { api } from "@/api/client";
import { useAction } from "@/api/action";
import { useSystem, type System } from "@/features/system/use-system";

/** The `model` value that means exactly one version: "smollm2:3". */
async function exactly(versionId: string): Promise<string> {
  const { data } = await api.GET("/versions/{id}", { params: { path: { id: versionId } } });
  if (!data) throw new Error(`There is no version ${versionId}`);
  return `${data.model}:${data.version}`;
}

const at = (model: string) => ({ params: { path: { model } } });

function withPin(system: System, versionId: string, pinned: boolean): System {
  const engines = system.engines.map((engine) =>
    engine.version_id === versionId ? { ...engine, pinned } : engine,
  );
  return { ...system, engines };
}

/** Loading, unloading and pinning engines; every list of engines is asked for again afterwards. */
export function useEngineActions() {
  const system = useSystem();
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
      await system.mutate(
        async (before) => {
          const body = { pinned };
          await api.POST("/engines/{model}/pin", { ...at(await exactly(versionId)), body });
          return before && withPin(before, versionId, pinned);
        },
        {
          optimisticData: system.data && withPin(system.data, versionId, pinned),
          rollbackOnError: true,
        },
      );
    },
    { failed: "The pin could not be changed" },
  );
  return { load, unload, pin };
}
