import { BlockList, isIP, isIPv4 } from "node:net";

/** 4 or 6 for an IP address, with or without a URL's brackets; 0 for a name. */
export function ipFamily(host: string): number {
  return isIP(host.replace(/^\[|\]$/g, ""));
}

/** Whether an address is one of the public internet: none of a machine, a home network, a cloud's metadata service. */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  if (isIPv4(bare)) return !NOT_PUBLIC_4.check(bare, "ipv4");
  const groups = isIP(bare) === 6 ? groupsOf(bare) : null;
  if (groups === null) return false;
  const embedded = embeddedIPv4(groups);
  if (embedded !== null) return !NOT_PUBLIC_4.check(embedded, "ipv4");
  // Global unicast is 2000::/3; in it, what stands for another network.
  return ((groups[0] ?? 0) & 0xe000) === 0x2000 && !NOT_PUBLIC_6.check(bare, "ipv6");
}

function blockList(family: "ipv4" | "ipv6", ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}

/** IANA special-purpose registry: every range that is not globally reachable, multicast and reserved ones included. */
const NOT_PUBLIC_4 = blockList("ipv4", [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local, cloud metadata
  ["168.63.129.16", 32], // a cloud's metadata, at a public address
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]);
const NOT_PUBLIC_6 = blockList("ipv6", [
  ["2001::", 23], // Teredo and other protocol assignments
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
]);

/** The IPv4 address in ::ffff:0:0/96 (mapped) and 64:ff9b::/96 (NAT64), which is where a packet really goes. */
function embeddedIPv4(groups: readonly number[]): string | null {
  const prefix = groups.slice(0, 6).join(":");
  if (prefix !== "0:0:0:0:0:65535" && prefix !== "100:65435:0:0:0:0") return null;
  const [high = 0, low = 0] = groups.slice(6);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function groupsOf(address: string): readonly number[] {
  // The URL parser writes every spelling in one form: hexadecimal groups and at most one "::".
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const parse = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const left = parse(head);
  if (tail === undefined) return left;
  const right = parse(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}
