/**
 * Writes tiny GGUF models (version 3) with fixed pseudo-random weights: real files that llama.cpp loads and runs, whose
 * answers mean nothing. A llama of about half a megabyte for generation, a BERT of about as much for embeddings.
 */
import { writeFileSync } from "node:fs";

type Value =
  | { readonly type: "u32" | "f32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "f32s" | "i32s"; readonly value: readonly number[] };

interface Tensor {
  readonly name: string;
  /** Fastest dimension first, as GGUF has it. */
  readonly dims: readonly number[];
  readonly fill: "random" | "ones" | "zeros";
}

const TYPE_IDS = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;
const ALIGNMENT = 32;
const DIM = 64;
const LAYERS = 2;
const HEADS = 4;
const FEED_FORWARD = 128;
const CONTEXT = 512;

/** A two-layer llama with one token for each byte and for some words. */
export function writeTinyLlama(path: string): void {
  const words = ["▁the", "▁a", "▁is", "▁and", "▁code", "▁run", "▁night", "e", "t", "o", "n", "s", "▁"];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...words];
  const [NORMAL, UNKNOWN, CONTROL, BYTE] = [1, 2, 3, 6];
  const layers = each((at) => [
    norm(`blk.${at}.attn_norm.weight`),
    weight(`blk.${at}.attn_q.weight`, DIM, DIM),
    weight(`blk.${at}.attn_k.weight`, DIM, DIM),
    weight(`blk.${at}.attn_v.weight`, DIM, DIM),
    weight(`blk.${at}.attn_output.weight`, DIM, DIM),
    norm(`blk.${at}.ffn_norm.weight`),
    weight(`blk.${at}.ffn_gate.weight`, DIM, FEED_FORWARD),
    weight(`blk.${at}.ffn_up.weight`, DIM, FEED_FORWARD),
    weight(`blk.${at}.ffn_down.weight`, FEED_FORWARD, DIM),
  ]);
  const metadata: Record<string, Value> = {
    ...architecture("llama"),
    "llama.attention.head_count_kv": { type: "u32", value: HEADS },
    "llama.attention.layer_norm_rms_epsilon": { type: "f32", value: 1e-5 },
    "llama.rope.dimension_count": { type: "u32", value: DIM / HEADS },
    "tokenizer.ggml.model": { type: "string", value: "llama" },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.scores": { type: "f32s", value: tokens.map((_, at) => -at) },
    "tokenizer.ggml.token_type": {
      type: "i32s",
      value: tokens.map((_, at) => (at === 0 ? UNKNOWN : at < 3 ? CONTROL : at < 259 ? BYTE : NORMAL)),
    },
    "tokenizer.ggml.unknown_token_id": { type: "u32", value: 0 },
    "tokenizer.ggml.bos_token_id": { type: "u32", value: 1 },
    "tokenizer.ggml.eos_token_id": { type: "u32", value: 2 },
  };
  const tensors = [
    weight("token_embd.weight", DIM, tokens.length),
    ...layers,
    norm("output_norm.weight"),
    weight("output.weight", DIM, tokens.length),
  ];
  writeFileSync(path, gguf(metadata, tensors));
}

/** A two-layer BERT with mean pooling over `DIM` (64) numbers; it knows the letters and the given words. */
export function writeTinyBert(path: string, words: readonly string[] = ["open", "close", "door", "index"]): void {
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789_.(){}/:;,-");
  const starts = [...words, ...letters].map((word) => `▁${word}`);
  const tokens = [...new Set(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...starts, ...letters])];
  const layers = each((at) => [
    ...affine(`blk.${at}.attn_q`, DIM, DIM),
    ...affine(`blk.${at}.attn_k`, DIM, DIM),
    ...affine(`blk.${at}.attn_v`, DIM, DIM),
    ...affine(`blk.${at}.attn_output`, DIM, DIM),
    ...layerNorm(`blk.${at}.attn_output_norm`),
    ...affine(`blk.${at}.ffn_up`, DIM, FEED_FORWARD),
    ...affine(`blk.${at}.ffn_down`, FEED_FORWARD, DIM),
    ...layerNorm(`blk.${at}.layer_output_norm`),
  ]);
  const metadata: Record<string, Value> = {
    ...architecture("bert"),
    "bert.attention.layer_norm_epsilon": { type: "f32", value: 1e-12 },
    "bert.attention.causal": { type: "bool", value: false },
    "bert.pooling_type": { type: "u32", value: 1 },
    "tokenizer.ggml.model": { type: "string", value: "bert" },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.token_type_count": { type: "u32", value: 2 },
    "tokenizer.ggml.padding_token_id": { type: "u32", value: 0 },
    "tokenizer.ggml.unknown_token_id": { type: "u32", value: 1 },
    "tokenizer.ggml.cls_token_id": { type: "u32", value: 2 },
    // GGUF spells it so.
    "tokenizer.ggml.seperator_token_id": { type: "u32", value: 3 },
    "tokenizer.ggml.mask_token_id": { type: "u32", value: 4 },
  };
  const tensors = [
    weight("token_embd.weight", DIM, tokens.length),
    weight("token_types.weight", DIM, 2),
    weight("position_embd.weight", DIM, CONTEXT),
    ...layerNorm("token_embd_norm"),
    ...layers,
  ];
  writeFileSync(path, gguf(metadata, tensors));
}

function architecture(name: string): Record<string, Value> {
  return {
    "general.architecture": { type: "string", value: name },
    "general.name": { type: "string", value: `tiny-${name}` },
    [`${name}.context_length`]: { type: "u32", value: CONTEXT },
    [`${name}.embedding_length`]: { type: "u32", value: DIM },
    [`${name}.block_count`]: { type: "u32", value: LAYERS },
    [`${name}.feed_forward_length`]: { type: "u32", value: FEED_FORWARD },
    [`${name}.attention.head_count`]: { type: "u32", value: HEADS },
  };
}

function each(layer: (at: number) => readonly Tensor[]): readonly Tensor[] {
  return Array.from({ length: LAYERS }, (_, at) => layer(at)).flat();
}
const weight = (name: string, inputs: number, outputs: number): Tensor => ({
  name,
  dims: [inputs, outputs],
  fill: "random",
});
const norm = (name: string): Tensor => ({ name, dims: [DIM], fill: "ones" });
const layerNorm = (name: string): readonly Tensor[] => [
  norm(`${name}.weight`),
  { name: `${name}.bias`, dims: [DIM], fill: "zeros" },
];
const affine = (name: string, inputs: number, outputs: number): readonly Tensor[] => [
  weight(`${name}.weight`, inputs, outputs),
  { name: `${name}.bias`, dims: [outputs], fill: "zeros" },
];

function gguf(metadata: Readonly<Record<string, Value>>, tensors: readonly Tensor[]): Buffer {
  const head: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(Object.keys(metadata).length)];
  for (const [key, value] of Object.entries(metadata)) head.push(text(key), ...encode(value));
  let offset = 0;
  const data: Buffer[] = [];
  const random = generator(7);
  for (const { name, dims, fill } of tensors) {
    head.push(text(name), u32(dims.length), ...dims.map(u64), u32(0), u64(offset));
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: count }, () =>
      fill === "random" ? (random() - 0.5) * 0.4 : fill === "ones" ? 1 : 0,
    );
    data.push(padded(Buffer.from(values.buffer)));
    offset += data.at(-1)?.length ?? 0;
  }
  return Buffer.concat([padded(Buffer.concat(head)), ...data]);
}

function encode({ type, value }: Value): readonly Buffer[] {
  switch (type) {
    case "u32":
      return [u32(TYPE_IDS.u32), u32(value)];
    case "f32":
      return [u32(TYPE_IDS.f32), f32(value)];
    case "bool":
      return [u32(TYPE_IDS.bool), Buffer.from([value ? 1 : 0])];
    case "string":
      return [u32(TYPE_IDS.string), text(value)];
    case "strings":
      return [u32(TYPE_IDS.array), u32(TYPE_IDS.string), u64(value.length), ...value.map(text)];
    case "f32s":
      return [u32(TYPE_IDS.array), u32(TYPE_IDS.f32), u64(value.length), ...value.map(f32)];
    case "i32s":
      return [u32(TYPE_IDS.array), u32(TYPE_IDS.i32), u64(value.length), ...value.map(u32)];
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([u64(bytes.length), bytes]);
}
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);
}

/** mulberry32: the same weights on every machine. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
