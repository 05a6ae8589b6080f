import { expect, it } from "vitest";
import { groupByBase, isMeant } from "./adapter-groups";

type Version = Parameters<typeof isMeant>[0];

const adapter = (model: string, base: [string, number] | null, aliases: string[] = []): Version =>
  ({
    model,
    aliases,
    base: base && { id: `${base[0]}:${base[1]}`, model: base[0], version: base[1] },
  }) as unknown as Version;

it("groups by the version of the base, names in order, the newest version first", () => {
  const groups = groupByBase([
    adapter("c", ["zeta", 1]),
    adapter("b", ["alpha", 1]),
    adapter("a", ["alpha", 2]),
    adapter("d", ["alpha", 1]),
    adapter("e", null),
  ]);
  expect(groups.map((group) => [group.base?.id, group.adapters.map((one) => one.model)])).toEqual([
    [undefined, ["e"]],
    ["alpha:2", ["a"]],
    ["alpha:1", ["b", "d"]],
    ["zeta:1", ["c"]],
  ]);
});

it("finds by name, base and alias", () => {
  const version = adapter("facts", ["SmolLM2", 1], ["production"]);
  for (const text of ["fac", "smol", "PROD", " ", ""]) expect(isMeant(version, text)).toBe(true);
  expect(isMeant(version, "other")).toBe(false);
});
