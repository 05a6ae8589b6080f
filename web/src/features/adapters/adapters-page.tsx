"use client";

import { Search } from "lucide-react";
import { useEffect, useState } from "react";
import { useHubPages } from "@/api/pages";
import { Button, LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Input } from "@/components/ui/field";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { useEngines } from "@/features/models/engines";
import { groupByBase, isMeant } from "./adapter-groups";
import { BaseCard } from "./base-card";

export function AdaptersPage() {
  return (
    <>
      <PageHeader
        title="Adapters"
        lead="What was trained beside frozen weights. Several of one base share its engine and its memory."
        actions={
          <LinkButton href="/train/" look="primary">
            Train one
          </LinkButton>
        }
      />
      <AdapterBrowser />
    </>
  );
}

function AdapterBrowser() {
  const [text, setText] = useState("");
  const { data, error, size, setSize, mutate, isValidating } = useHubPages(
    "/versions",
    (_, previous) => {
      const query = { kind: "adapter", limit: 100 } as const;
      if (!previous) return { params: { query } };
      return previous.next_cursor == null
        ? null
        : { params: { query: { ...query, cursor: previous.next_cursor } } };
    },
    { revalidateFirstPage: false, revalidateOnMount: true },
  );
  const { data: engines } = useEngines();
  const hasMore = data?.at(-1)?.next_cursor != null;
  const complete = data !== undefined && data.length === size;
  const searching = text.trim() !== "";
  useEffect(() => {
    // A search is in all of them.
    if (searching && hasMore && complete) void setSize(size + 1);
  }, [searching, hasMore, complete, setSize, size]);
  if (!data) {
    return error == null ? (
      <SkeletonRows rows={8} />
    ) : (
      <ErrorNotice error={error} title="The adapters did not come" retry={() => void mutate()} />
    );
  }
  const all = data.flatMap((page) => page.data);
  if (all.length === 0) {
    return (
      <Card>
        <EmptyState
          title="No adapters yet"
          action={<LinkButton href="/train/">Train one</LinkButton>}
        >
          A fine-tuning job makes one. Adapters of mlx-lm and PEFT can be registered under Models.
        </EmptyState>
      </Card>
    );
  }
  const shown = all.filter((version) => isMeant(version, text));
  return (
    <div className="space-y-4">
      <Field label="Search adapters" hideLabel className="relative w-full sm:w-72">
        {(ids) => (
          <>
            <Search
              size={15}
              aria-hidden
              className="pointer-events-none absolute top-2.5 left-3 text-ink-faint"
            />
            <Input
              {...ids}
              type="search"
              placeholder="Name, base, alias"
              className="pl-9"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </>
        )}
      </Field>
      {shown.length === 0 && (
        <Card>
          <EmptyState
            title="No adapter fits this search"
            action={<Button onClick={() => setText("")}>Clear the search</Button>}
          />
        </Card>
      )}
      {groupByBase(shown).map((group) => (
        <BaseCard key={group.base?.id ?? "unknown"} group={group} engines={engines?.data ?? []} />
      ))}
      {hasMore && !searching && (
        <div className="flex justify-center">
          <Button busy={isValidating && !complete} onClick={() => void setSize(size + 1)}>
            Show more
          </Button>
        </div>
      )}
    </div>
  );
}
