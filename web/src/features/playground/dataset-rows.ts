import { chatRow, type Conversation } from "./conversation";

/** JSONL of format `chat` (docs/datasets.md): a row for each column of each conversation that answered something. */
export function datasetRows(conversations: Conversation[]): string {
  return conversations
    .flatMap((conversation) => conversation.columns.map(({ id }) => chatRow(conversation, id)))
    .filter((row) => row !== null)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join("");
}
