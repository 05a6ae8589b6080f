import { LinkButton } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";

export default function NotFound() {
  return (
    <>
      <h1 className="sr-only">Not found</h1>
      <EmptyState
        title="There is no such page"
        action={
          <LinkButton href="/" look="primary">
            Go to the overview
          </LinkButton>
        }
      >
        The address may be of an older version of the dashboard.
      </EmptyState>
    </>
  );
}
