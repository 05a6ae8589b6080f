"use client";

import { X } from "lucide-react";
import type { Schemas } from "@/api/client";
import { splitModelValue } from "@/components/pickers/model-value";
import { IconButton } from "@/components/ui/button";
import type { Column } from "./conversation";
import type { ModelOption } from "./model-options";
import { ModelCombobox } from "./model-combobox";
import type { Session } from "./session";
import { columnGrid } from "./turn-view";

interface ColumnHeadsProps {
  session: Session;
  columns: Column[];
  models: Schemas["Model"][];
  options: ModelOption[];
  isLoaded: (model: string) => boolean;
}

/** Which model each column asks. */
export function ColumnHeads({ session, columns, models, options, isLoaded }: ColumnHeadsProps) {
  const lacksTemplate = ({ model }: Column): boolean =>
    models.find(({ name }) => name === splitModelValue(model).name)?.chat_template === false;
  return (
    <div className="border-b border-line px-4 py-3">
      <div className={`grid gap-x-6 gap-y-2 ${columnGrid[columns.length] ?? ""}`}>
        {columns.map((column, index) => (
          <div key={column.id} className="min-w-0">
            <div className="flex items-center gap-1">
              <ModelCombobox
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
