import type { Schemas } from "@/api/client";

type ServedModel = Schemas["ServedModel"];

/** The models that can be asked by their bare name. */
export const modelNames = (served: ServedModel[]): string[] => served.map((model) => model.id);
