"use client";

import { useSearchParams } from "next/navigation";
import { Suspense, type ReactNode } from "react";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { SkeletonRows } from "@/components/ui/states";
import { Tabs } from "@/components/ui/tabs";
import { ServerSettings } from "./server-settings";

const loading = <SkeletonRows rows={5} />;
const AuditLog = lazily(() => import("./audit-log").then((module) => module.AuditLog), loading);
const ThisBrowser = lazily(
  () => import("./this-browser").then((module) => module.ThisBrowser),
  loading,
);

const tabs = [
  { id: "server", label: "Server" },
  { id: "audit", label: "Audit log" },
  { id: "browser", label: "This browser" },
] as const;

type TabId = (typeof tabs)[number]["id"];

const panels: Record<TabId, () => ReactNode> = {
  server: () => <ServerSettings />,
  audit: () => <AuditLog />,
  browser: () => <ThisBrowser />,
};

/** The hub's settings, who changed what, and what this browser keeps. */
export function SettingsPage() {
  return (
    <>
      <PageHeader title="Settings" lead="What can be changed while the hub runs, and who may." />
      <Suspense fallback={<SkeletonRows rows={5} />}>
        <SettingsTabs />
      </Suspense>
    </>
  );
}

function SettingsTabs() {
  const asked = useSearchParams().get("tab");
  const selected = tabs.find(({ id }) => id === asked)?.id ?? "server";
  return (
    <Tabs
      label="Settings"
      tabs={tabs}
      selected={selected}
      onSelect={(id) => window.history.replaceState(null, "", `?tab=${id}`)}
    >
      {panels[selected]()}
    </Tabs>
  );
}
