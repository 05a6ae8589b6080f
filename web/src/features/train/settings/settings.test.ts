import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Setting } from "./setting";
import { settings } from "./settings";

interface Property {
  type?: string | string[];
  enum?: unknown[];
  oneOf?: Property[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  maxItems?: number;
  items?: { maxLength?: number };
  default?: unknown;
}

interface Contract {
  components: { schemas: { FinetuneParams: { properties: Record<string, Property> } } };
}

const contract = parse(readFileSync("../api/openapi.yaml", "utf8")) as Contract;
const { properties } = contract.components.schemas.FinetuneParams;

/** What the contract's schema says, in the same words for both sides. */
function ofContract(property: Property): unknown {
  const number = property.oneOf?.find((one) => one.type === "integer") ?? property;
  return {
    enum: property.enum,
    min: number.minimum ?? number.exclusiveMinimum,
    max: number.maximum ?? number.exclusiveMaximum,
    aboveMin: number.exclusiveMinimum !== undefined,
    belowMax: number.exclusiveMaximum !== undefined,
    integer: [number.type].flat().includes("integer"),
    most: property.maxItems,
    longest: property.items?.maxLength,
    default: property.default,
  };
}

function ofSetting(setting: Setting, property: Property): unknown {
  const number = setting.kind === "number" ? setting : null;
  const texts = setting.kind === "texts" ? setting : null;
  const unbounded = property.maximum === undefined && property.oneOf === undefined;
  return {
    enum:
      setting.kind === "choice"
        ? property.enum?.filter((value) => setting.options.some((option) => option.value === value))
        : undefined,
    min: number?.min,
    // Where the contract says nothing, the program takes a milliard.
    max: number?.belowMax || !unbounded ? number?.max : undefined,
    aboveMin: number?.aboveMin ?? false,
    belowMax: number?.belowMax ?? false,
    integer: number?.integer ?? false,
    most: texts?.most,
    longest: texts?.longest,
    default: setting.default,
  };
}

describe("the table of settings", () => {
  it("has the contract's parameters, all and no other", () => {
    const named = [...Object.keys(settings), "optimizer_config"];
    expect(named.sort()).toEqual(Object.keys(properties).sort());
  });

  it.each(Object.entries(settings))(
    "has the contract's range and default of %s",
    (name, setting) => {
      const property = properties[name];
      if (!property) throw new Error(`the contract has no ${name}`);
      expect(ofSetting(setting, property)).toEqual(ofContract(property));
    },
  );
});
