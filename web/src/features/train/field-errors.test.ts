import { describe, expect, it } from "vitest";
import { ApiError } from "@/api/errors";
import { fieldOf, withRefusal } from "./field-errors";
import { situationOf } from "./settings/settings";

const refusal = (param: string | null): ApiError =>
  new ApiError(400, "'params.rank' must be an integer", "invalid", param, null, null);

describe("the field of a refusal", () => {
  it("is the setting or the request's own field", () => {
    const situation = situationOf({});
    expect(fieldOf(refusal("params.rank"), situation)).toBe("rank");
    expect(fieldOf(refusal("params.optimizer_config.betas"), situation)).toBe(
      "optimizer_config.betas",
    );
    expect(fieldOf(refusal("output.name"), situation)).toBe("output.name");
    expect(fieldOf(refusal("params"), situation)).toBeNull();
    expect(fieldOf(refusal(null), situation)).toBeNull();
    expect(fieldOf(new Error("x"), situation)).toBeNull();
  });

  it("is none that is not shown", () => {
    expect(fieldOf(refusal("params.beta"), situationOf({}))).toBeNull();
    expect(fieldOf(refusal("params.beta"), situationOf({ objective: "dpo" }))).toBe("beta");
  });

  it("does not hide what the form found", () => {
    const situation = situationOf({});
    expect(withRefusal({}, refusal("params.rank"), situation)).toEqual({
      rank: "'params.rank' must be an integer",
    });
    expect(withRefusal({ rank: "A number" }, refusal("params.rank"), situation)).toEqual({
      rank: "A number",
    });
  });
});
