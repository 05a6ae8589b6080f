import { DatasetPage } from "@/features/datasets/dataset-page";

export const metadata = { title: "Data set" };

export default function Page() {
  return <DatasetPage />;
}
