import { DatasetsPage } from "@/features/datasets/datasets-page";

export const metadata = { title: "Data sets" };

export default function Page() {
  return <DatasetsPage />;
}
