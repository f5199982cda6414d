import type { Dictionary } from './dictionary.ts';
import type { Prng } from './prng.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Where a value stands, so that it can be replaced. */
interface Place {
  readonly holder: { [key: string]: Json } | Json[];
  readonly key: string;
}

/** Texts that stand for a value as they are: what `JSON.stringify` would never write. */
const SPELLINGS = [
  '0',
  '-0',
  '1',
  '-1',
  '1.0',
  '1e3',
  '0.5',
  '255',
  '256',
  '65535',
  '65536',
  '4294967295',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775808',
  '18446744073709551615',
  '18446744073709551616',
  '1e308',
  '1e400',
  '-1e400',
  '1E-400',
  'null',
  'true',
  'false',
  '""',
  '[]',
  '{}',
  '[[]]',
  '[{}]',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00"',
  '"\\ud83d\\ude00"',
  '"\\u007f"',
  '{"__proto__":1}',
  '{"constructor":{"prototype":1}}',
];

/** Stands for a spelling until the tree is text; no input contains it by chance. */
const MARK = '\u{f8ff}fuzz';

/** A text changed as a tree; undefined when the bytes are no JSON. */
export function mutateJson(
  data: Uint8Array,
  other: Uint8Array,
  prng: Prng,
  dictionary: Dictionary,
): Uint8Array | undefined {
  const holder = { root: parse(data) };
  if (holder.root === undefined) return undefined;
  const tree = holder as { [key: string]: Json };
  const spellings: string[] = [];
  for (let left = 1 + prng.below(3); left > 0; left--) change(tree, other, prng, dictionary, spellings);
  let text = JSON.stringify(tree.root ?? null);
  for (const [index, spelling] of spellings.entries()) {
    text = text.replace(`"${MARK}${index}"`, () => spelling);
  }
  if (prng.below(8) === 0) text = withDuplicate(text, prng);
  return Buffer.from(text);
}

function parse(data: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(data).toString()) as Json;
  } catch {
    return undefined;
  }
}

function change(
  tree: { [key: string]: Json },
  other: Uint8Array,
  prng: Prng,
  dictionary: Dictionary,
  spellings: string[],
): void {
  const { holder, key } = prng.pick(places(tree)) ?? { holder: tree, key: 'root' };
  const at = holder as { [key: string]: Json };
  const text = (): string => Buffer.from(dictionary.token(prng) ?? []).toString();
  switch (prng.below(8)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else if (key !== 'root') delete at[key];
      return;
    case 1:
      at[key] = text();
      return;
    case 2:
      if (!Array.isArray(holder)) at[text()] = at[key] ?? null;
      else holder.push(holder[Number(key)] ?? null);
      return;
    case 3: {
      const foreign = prng.pick(places({ root: parse(other) ?? null }));
      at[key] = (foreign?.holder as { [key: string]: Json } | undefined)?.[foreign?.key ?? ''] ?? null;
      return;
    }
    case 4:
      at[key] = Object.fromEntries([[text(), at[key] ?? null]]);
      return;
    case 5:
      at[key] = Array.from({ length: 1 + prng.below(3) }, () => at[key] ?? null);
      return;
    case 6:
      if (typeof at[key] === 'string') at[key] = resized(at[key], prng);
      else at[key] = prng.next();
      return;
    default:
      at[key] = `${MARK}${spellings.length}`;
      spellings.push(prng.pick(SPELLINGS) ?? 'null');
  }
}

function resized(text: string, prng: Prng): string {
  return prng.below(2) === 0
    ? text.slice(0, prng.below(text.length + 1))
    : text + text.slice(prng.below(text.length));
}

function places(tree: { [key: string]: Json }): Place[] {
  const found: Place[] = [];
  const walk = (holder: Place['holder']): void => {
    for (const [key, value] of Object.entries(holder)) {
      found.push({ holder, key });
      if (typeof value === 'object' && value !== null && found.length < 500) walk(value);
    }
  };
  walk(tree);
  return found;
}

/** The same key twice: `JSON.stringify` never writes that. */
function withDuplicate(text: string, prng: Prng): string {
  const match = /\{("(?:[^"\\]|\\.)*":(?:"[^"\\]*"|[\d.]+|null|true|false))[,}]/.exec(text);
  if (match?.[1] === undefined) return text;
  const before = prng.below(2) === 0;
  return before
    ? text.replace('{', () => `{${match[1]},`)
    : text.replace(match[1], () => `${match[1]},${match[1]}`);
}
