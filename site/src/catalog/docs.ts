import { type CollectionEntry, getCollection } from "astro:content";

type Doc = CollectionEntry<"docs">;

/** Documentation under one heading, in reading order. */
export interface DocGroup {
  readonly name: string;
  readonly docs: readonly Doc[];
}

/** What each reader comes for; a guide that is named nowhere is in the last group of guides. */
const READERS: readonly { readonly name: string; readonly guides: readonly string[] }[] = [
  { name: "Begin", guides: ["five-minutes", "coordinator", "consent", "running"] },
  { name: "Run it unattended", guides: ["service", "scheduling", "triggers", "updates", "data-and-telemetry"] },
  { name: "Keep it in bounds", guides: ["policy", "approvals", "secrets", "sandbox", "threats"] },
  { name: "Publish and be paid", guides: ["publishing", "receipts", "reputation"] },
];
const OTHERS = "Run a mirror or an edge";

/** All documentation, in groups. */
export async function docGroups(): Promise<readonly DocGroup[]> {
  const docs = [...(await getCollection("docs"))].sort((a, b) => a.data.order - b.data.order || (a.id < b.id ? -1 : 1));
  const named = new Set(READERS.flatMap(({ guides }) => guides.map((guide) => `guides/${guide}`)));
  const groups = [
    ...READERS.map(({ name, guides }) => ({
      name,
      docs: guides.flatMap((guide) => docs.filter(({ id }) => id === `guides/${guide}`)),
    })),
    { name: OTHERS, docs: docs.filter(({ id }) => !id.startsWith("adr/") && !named.has(id)) },
    { name: "Decisions", docs: docs.filter(({ id }) => id.startsWith("adr/")) },
  ];
  return groups.filter(({ docs }) => docs.length > 0);
}
