import {
  canonicalJson,
  encodeJson,
  isJsonObject,
  JsonError,
  JsonFloat,
  type JsonValue,
  parseJson,
} from '../../src/protocol/json/json.ts';
import { attempt, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

/** What the platform makes of the text; undefined when it refuses it. */
function platform(data: Uint8Array): { readonly text: string; readonly value: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    return { text, value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}]|-?\d[\d.eE+-]*/gs;

/** Why a text that the platform accepts must be refused, found token by token and so without a parser. */
function isBeyondLimits(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    else if (token.startsWith('"')) {
      const string = JSON.parse(token) as string;
      if (Buffer.from(string).toString() !== string) return true; // a lone surrogate
    } else if (!Number.isFinite(Number(token))) return true;
    if (depth > 127) return true;
  }
  return false;
}

/** The value with every number as a double: what `JSON.parse` would have made of it. */
function asDoubles(value: JsonValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof JsonFloat) return value.value;
  if (Array.isArray(value)) return value.map(asDoubles);
  if (!isJsonObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const descriptor = { value: asDoubles(member), enumerable: true, configurable: true, writable: true };
    Object.defineProperty(copy, key, descriptor);
  }
  return copy;
}

export const target: FuzzTarget = {
  name: 'json',
  about:
    'JSON: accepts what JSON.parse accepts except beyond the limits, same value, writing and reading agree',
  maxLength: 4096,
  form: 'json',
  seeds: () =>
    [
      '{"a":[1,-2,3.5,1e3,-0,18446744073709551615,-9223372036854775808,1e-7],"b":"\\u00e9\\ud83d\\ude00\\n"}',
      '[null,true,false,"",{},[],{"__proto__":{"x":1},"constructor":2,"a":1,"a":2}]',
      ' \t\r\n"text" ',
      `${'['.repeat(127)}${']'.repeat(127)}`,
      `${'{"a":'.repeat(127)}1${'}'.repeat(127)}`,
      '12345678901234567890123',
      '1e400',
      '"\\ud800"',
    ].map((text) => Buffer.from(text)),
  run(data) {
    const expected = platform(data);
    const { value, error } = attempt(() => parseJson(data));
    if (error !== undefined) {
      must(error instanceof JsonError, 'the parser throws JsonError');
      must(expected === undefined || isBeyondLimits(expected.text), 'refused although JSON.parse accepts it');
      return;
    }
    must(expected !== undefined, 'accepted although JSON.parse refuses it');
    if (expected === undefined || value === undefined) return;
    must(!isBeyondLimits(expected.text), 'accepted although it is beyond the limits');
    mustEqual(asDoubles(value), expected.value, 'the value is that of JSON.parse');
    mustEqual(parseJson(encodeJson(value)), value, 'written and read again');
    const canonical = canonicalJson(value);
    mustEqual(canonicalJson(parseJson(Buffer.from(canonical))), canonical, 'the canonical form is stable');
    must(!('x' in Object.prototype), 'no prototype was polluted');
  },
};
