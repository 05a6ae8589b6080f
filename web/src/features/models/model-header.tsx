"use client";

import type { Schemas } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { PageHeader } from "@/components/ui/page-header";
import { chatHref, evaluateHref, trainHref } from "./model-links";
import { TagList } from "./tag-list";

export function ModelHeader({ model }: { model: Schemas["Model"] }) {
  const ready = model.state === "ready";
  return (
    <>
      <PageHeader
        title={model.name}
        lead={model.description === "" ? undefined : model.description}
        actions={
          <>
            {ready && (
              <>
                <LinkButton href={chatHref(model.name)} prefetch={false}>
                  Chat
                </LinkButton>
                <LinkButton href={trainHref(model.name)} prefetch={false}>
                  Fine-tune
                </LinkButton>
                <LinkButton href={evaluateHref(model.name)} prefetch={false}>
                  Evaluate
                </LinkButton>
              </>
            )}
          </>
        }
      />
      <div className="-mt-3 mb-5 flex flex-wrap items-center gap-x-3 gap-y-1.5 text-sm text-ink-soft">
        {model.kind && <Badge>{model.kind}</Badge>}
        <StateBadge state={model.state} />
        <span className="min-w-0 break-all">{model.base_model}</span>
        <TagList tags={model.tags} />
      </div>
    </>
  );
}
