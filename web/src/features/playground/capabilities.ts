/** What the hub's chat route can do beyond a plain conversation, as GET /system says it. */
export interface ChatCapabilities {
  jsonSchema: boolean;
  tools: boolean;
  logprobs: boolean;
  penalties: boolean;
}

export const noCapabilities: ChatCapabilities = {
  jsonSchema: false,
  tools: false,
  logprobs: false,
  penalties: false,
};

/** A hub that does not name a capability does not have it. */
export function chatCapabilities(named: Record<string, unknown>): ChatCapabilities {
  return {
    jsonSchema: named.json_schema === true,
    tools: named.tools === true,
    logprobs: named.logprobs === true,
    penalties: named.penalties === true,
  };
}
