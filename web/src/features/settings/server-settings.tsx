"use client";

import { Card } from "@/components/ui/card";
import { SkeletonRows } from "@/components/ui/states";
import { ScopeNotice } from "@/components/ui/scope-notice";
import { SettingRow } from "./setting-row";
import { useSettings } from "./use-settings";

/** What can be changed while the hub runs. */
export function ServerSettings() {
  const { settings, error, retry } = useSettings();
  return (
    <Card title="Server settings" flush className="min-h-72">
      {error && !settings && (
        <div className="p-4">
          <ScopeNotice
            error={error}
            what="Settings"
            title="The settings could not be read"
            retry={retry}
          />
        </div>
      )}
      {!settings && !error && <SkeletonRows rows={3} className="p-4" />}
      <ul className="divide-y divide-line">
        {settings?.map((setting) => (
          <SettingRow key={setting.name} setting={setting} />
        ))}
      </ul>
      <p className="border-t border-line px-4 py-3 text-xs text-ink-faint">
        What is set at the start only (addresses, folders, memory, Hub and MLflow) is in the
        hub&apos;s configuration file.
      </p>
    </Card>
  );
}
