import { ApiError } from "@/api/errors";
import type { Problems } from "./settings/params";
import { settingsIn } from "./settings/settings";
import type { Situation } from "./settings/setting";

const requestFields = new Set([
  "model",
  "dataset",
  "output.name",
  "output.alias",
  "priority",
  "timeout_seconds",
]);

/** The field of the form that a refusal is about ("params.rank" is "rank"); null when it is about none that is shown. */
export function fieldOf(error: unknown, situation: Situation): string | null {
  if (!(error instanceof ApiError) || error.param === null) return null;
  if (requestFields.has(error.param)) return error.param;
  const name = error.param.replace(/^params\./, "");
  return settingsIn(situation).some(([shown]) => shown === name) ? name : null;
}

/** The problems that the form found itself, and in front of them nothing: the hub's refusal fills the gap. */
export function withRefusal(problems: Problems, error: unknown, situation: Situation): Problems {
  const field = fieldOf(error, situation);
  if (field === null || !(error instanceof Error)) return problems;
  return { [field]: error.message, ...problems };
}
