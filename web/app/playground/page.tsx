import { PlaygroundPage } from "@/features/playground/playground-page";

export const metadata = { title: "Playground" };

export default function Page() {
  return <PlaygroundPage />;
}
