import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { Link } from "./link";

const link = vi.hoisted(() => vi.fn());
vi.mock("next/link", () => ({
  default: ({
    prefetch,
    children,
    ...rest
  }: {
    prefetch?: boolean;
    href: string;
    children: string;
  }) => {
    link(prefetch);
    return <a {...rest}>{children}</a>;
  },
}));

afterEach(cleanup);

it("is a link to the page, which is not fetched before", () => {
  render(<Link href="/jobs/">Jobs</Link>);
  expect(screen.getByRole("link").getAttribute("href")).toBe("/jobs/");
  expect(link).toHaveBeenCalledExactlyOnceWith(false);
});
