import type { Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Table, Td, Th } from "@/components/ui/table";
import { valueText } from "./value-text";

interface EnvironmentDifferencesProps {
  found: Schemas["EnvironmentDifferences"];
  /** What the second column is: "This machine now", "This job". */
  now: string;
}

/** What differs between two environments, and whether it may change results. */
export function EnvironmentDifferences({ found, now }: EnvironmentDifferencesProps) {
  if (!found.known) {
    return (
      <p className="text-sm text-warn">
        Not known: at least one of the two kept no record of what it ran in.
      </p>
    );
  }
  return (
    <div className="space-y-3">
      <p className="text-sm">
        {found.same ? (
          <span className="text-good">
            Nothing differs that may change results: on a CPU the result is the same to the bit.
          </span>
        ) : (
          <span className="text-warn">
            The environments differ in what may change results: expect small deviations.
          </span>
        )}
      </p>
      {found.differences.length > 0 && (
        <Table label="Differences of the environments">
          <thead>
            <tr>
              <Th>What</Th>
              <Th>The original</Th>
              <Th>{now}</Th>
              <Th>Matters</Th>
            </tr>
          </thead>
          <tbody>
            {found.differences.map((each) => (
              <tr key={each.name}>
                <Td className="font-mono text-xs">{each.name}</Td>
                <Td className="font-mono text-xs break-all">{valueText(each.then)}</Td>
                <Td className="font-mono text-xs break-all">{valueText(each.now)}</Td>
                <Td>
                  {each.may_change_results ? (
                    <Badge tone="warn">may change results</Badge>
                  ) : (
                    <Badge>no</Badge>
                  )}
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </div>
  );
}
