import { Link } from "@/components/ui/link";
import {
  nodeDetail,
  nodeHref,
  nodeTitle,
  relationWords,
  type Lineage,
  type LineageNode,
} from "./lineage";

/** The graph in words: each version with what it was made of. */
export function LineageList({ lineage }: { lineage: Lineage }) {
  const byId = new Map(lineage.nodes.map((node) => [node.id, node]));
  const versions = lineage.nodes.filter((node) => node.type === "version");
  return (
    <ul className="space-y-2 text-sm">
      {versions.map((version) => {
        const origins = lineage.edges.flatMap((edge) => {
          const node = edge.to === version.id ? byId.get(edge.from) : undefined;
          return node ? [{ node, words: relationWords[edge.relation] }] : [];
        });
        return (
          <li key={version.id}>
            <NodeName node={version} />{" "}
            <span className="text-ink-soft">({nodeDetail(version)})</span>
            {origins.map(({ node, words }, index) => (
              <span key={`${words} ${node.id}`} className="text-ink-soft">
                {index === 0 ? " " : ", "}
                {words} <NodeName node={node} />
              </span>
            ))}
          </li>
        );
      })}
    </ul>
  );
}

function NodeName({ node }: { node: LineageNode }) {
  const href = nodeHref(node);
  if (href == null) return <>{nodeTitle(node)}</>;
  return (
    <Link href={href} className="font-medium text-accent-strong underline underline-offset-2">
      {nodeTitle(node)}
    </Link>
  );
}
