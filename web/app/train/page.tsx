import { TrainPage } from "@/features/train/train-page";

export const metadata = { title: "Train" };

export default function Page() {
  return <TrainPage />;
}
