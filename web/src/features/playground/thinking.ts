/** An answer, and what a reasoning model thought before it. */
export interface Thought {
  thinking: string;
  /** Still at it. */
  open: boolean;
  answer: string;
}

const begin = "<think>";
const end = "</think>";

/** Models that reason write it in front of the answer; some templates have the opening mark in the prompt already. */
export function splitThinking(text: string): Thought {
  const closes = text.indexOf(end);
  const opens = text.trimStart().startsWith(begin);
  if (closes < 0 && !opens) return { thinking: "", open: false, answer: text };
  const from = opens ? text.indexOf(begin) + begin.length : 0;
  if (closes < 0) return { thinking: text.slice(from).trim(), open: true, answer: "" };
  return {
    thinking: text.slice(from, closes).trim(),
    open: false,
    answer: text.slice(closes + end.length).trimStart(),
  };
}
