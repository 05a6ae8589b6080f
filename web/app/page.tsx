import { PageHeader } from "@/components/ui/page-header";

export default function OverviewPage() {
  return <PageHeader title="Overview" lead="How the hub is and what it is doing." />;
}
