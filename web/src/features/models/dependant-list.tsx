import { Link } from "@/components/ui/link";
import { nodeDetail, nodeHref, nodeTitle, type LineageNode } from "./lineage";

/** What has to be removed first. Nothing without dependants. */
export function DependantList({ dependants }: { dependants: readonly LineageNode[] }) {
  if (dependants.length === 0) return null;
  return (
    <div>
      <p>These were made from it and need it. Remove them first:</p>
      <ul className="mt-2 max-h-60 list-disc space-y-1 overflow-y-auto pl-5">
        {dependants.map((node) => (
          <li key={node.id}>
            <Link
              href={nodeHref(node) ?? "/models/"}
              className="text-accent-strong underline underline-offset-2"
            >
              {nodeTitle(node)}
            </Link>{" "}
            ({nodeDetail(node)})
          </li>
        ))}
      </ul>
    </div>
  );
}
