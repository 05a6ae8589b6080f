"use client";

import { useHub, type Schemas } from "@/api/client";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/ui/states";
import { LineageGraph } from "./lineage-graph";
import { LineageList } from "./lineage-list";

export function LineageTab({ model }: { model: Schemas["Model"] }) {
  const { data, error, mutate } = useHub("/models/{id}/lineage", {
    params: { path: { id: model.id } },
  });
  if (error != null && !data) {
    return (
      <ErrorNotice error={error} title="The lineage did not come" retry={() => void mutate()} />
    );
  }
  if (!data) return <Skeleton className="h-80 rounded-xl" />;
  if (data.nodes.length === 0) {
    return (
      <Card>
        <EmptyState title="No versions">Lineage begins with the first version.</EmptyState>
      </Card>
    );
  }
  return (
    <div className="space-y-4">
      <Card title="From what it was made to what was made of it" flush>
        <LineageGraph lineage={data} model={model.name} />
        {data.truncated && (
          <p className="border-t border-line px-4 py-2 text-xs text-ink-soft">
            More than 500 versions belong together; those farthest away are left out.
          </p>
        )}
      </Card>
      <Card title="The same as a list">
        <LineageList lineage={data} />
      </Card>
    </div>
  );
}
