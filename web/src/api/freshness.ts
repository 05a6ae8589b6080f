import type { HubEvent } from "./event-feed";

/** Events that come many times a second; those who show them listen to them and need not ask again. */
const frequent = new Set(["job.progress", "job.metric", "job.memory", "job.sample", "job.traced"]);

/** The paths of the API whose answers an event made stale; those below them, too. */
export function pathsChangedBy(event: HubEvent): string[] {
  if (frequent.has(event.type)) return [];
  switch (event.subject.kind) {
    case "job":
      // Jobs reserve memory, and some of them are evaluations, which have their job's state.
      return ["/jobs", "/system", "/evaluations"];
    case "model":
    case "version":
      return ["/models", "/versions", "/v1/models"];
    case "dataset":
      return ["/datasets"];
    case "evaluation":
      return ["/evaluations"];
    default:
      // The kinds of the document and those of a later hub.
      return ["/system", "/settings", "/keys", "/jobs"];
  }
}
