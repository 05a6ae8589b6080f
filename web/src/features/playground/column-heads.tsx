"use client";

import { X } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import type { Column } from "./conversation";
import { nameIn, type ModelOption } from "./model-options";
import { ModelPicker } from "./model-picker";
import type { Session } from "./session";
import { columnGrid } from "./turn-view";
import { useModels } from "./use-models";

interface ColumnHeadsProps {
  session: Session;
  columns: Column[];
  options: ModelOption[];
  isLoaded: (model: string) => boolean | null;
}

/** Which model each column asks. */
export function ColumnHeads({ session, columns, options, isLoaded }: ColumnHeadsProps) {
  const { models } = useModels();
  const lacksTemplate = ({ model }: Column): boolean =>
    models.find(({ name }) => name === nameIn(model))?.chat_template === false;
  return (
    <div className="border-b border-line px-4 py-3">
      <div className={`grid gap-x-6 gap-y-2 ${columnGrid[columns.length] ?? ""}`}>
        {columns.map((column, index) => (
          <div key={column.id} className="min-w-0">
            <div className="flex items-center gap-1">
              <ModelPicker
                label={columns.length > 1 ? `Model ${index + 1}` : "Model"}
                value={column.model}
                options={options}
                isLoaded={isLoaded}
                onPick={(model) => session.setModel(column.id, model)}
              />
              {columns.length > 1 && (
                <IconButton
                  label={`Remove ${column.model === "" ? `model ${index + 1}` : column.model}`}
                  onClick={() => session.removeColumn(column.id)}
                >
                  <X size={15} aria-hidden />
                </IconButton>
              )}
            </div>
            {lacksTemplate(column) && (
              <p className="mt-1 text-xs text-warn">
                It has no chat template: it continues texts, and cannot chat.
              </p>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}
