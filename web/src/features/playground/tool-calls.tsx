"use client";

import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, Textarea } from "@/components/ui/field";
import type { Answer } from "./answer";
import { CodeBlock } from "./markdown-view";

interface ToolCallsProps {
  answer: Answer;
  /** null while the column is busy or the answer is not the last. */
  onResults: ((results: string[]) => void) | null;
}

/** What the model calls; the tools are the user's, who says what they gave back. */
export function ToolCalls({ answer, onResults }: ToolCallsProps) {
  const [results, setResults] = useState<string[]>([]);
  const calls = answer.toolCalls;
  const whole = calls.every((_, index) => (results[index] ?? "").trim() !== "");
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (whole) onResults?.(calls.map((_, index) => results[index] ?? ""));
      }}
    >
      {calls.map((call, index) => (
        <div key={index} className="space-y-2">
          <CodeBlock
            language={`calls ${call.function.name}`}
            text={pretty(call.function.arguments)}
          />
          {answer.results ? (
            <CodeBlock
              language={`result of ${call.function.name}`}
              text={answer.results[index] ?? ""}
            />
          ) : (
            onResults && (
              <Field label={`Result of ${call.function.name}`}>
                {(ids) => (
                  <Textarea
                    {...ids}
                    rows={2}
                    className="font-mono text-xs"
                    value={results[index] ?? ""}
                    onChange={(event) =>
                      setResults(
                        calls.map((_, at) =>
                          at === index ? event.target.value : (results[at] ?? ""),
                        ),
                      )
                    }
                  />
                )}
              </Field>
            )
          )}
        </div>
      ))}
      {onResults && !answer.results && (
        <Button size="small" look="primary" type="submit" disabled={!whole}>
          Go on with {calls.length === 1 ? "the result" : "the results"}
        </Button>
      )}
    </form>
  );
}

/** Arguments that are JSON, spread out; while they come in they are not yet. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
