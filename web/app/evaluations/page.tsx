import { EvaluationsPage } from "@/features/evaluations/evaluations-page";

export const metadata = { title: "Evaluations" };

export default function Page() {
  return <EvaluationsPage />;
}
