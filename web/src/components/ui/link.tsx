import NextLink from "next/link";
import type { ComponentProps } from "react";

/** Goes to another page of the dashboard. Nothing is fetched before: each page's data comes from the hub when it is open. */
export function Link(props: ComponentProps<typeof NextLink>) {
  return <NextLink prefetch={false} {...props} />;
}
