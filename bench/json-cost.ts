// node --import tsx bench/json-cost.ts: what the server spends on the JSON of a client's frame, in the worst shapes that are
// known. The budget is 2 us for 100 bytes, whatever stands in them. Each line is the
// mean processor time of many rounds.
import { utf8 } from '../src/protocol/bytes.ts';
import { frameShape } from '../src/protocol/control/index.ts';
import { FRAME } from '../src/protocol/frame-types.ts';
import { JsonError, parseJson } from '../src/protocol/json.ts';
import { LIMITS } from '../src/protocol/limits.ts';

const BUDGET_NS_PER_BYTE = 20;
const ROUNDS = 80;

/** Entries up to the longest text that a frame may carry. */
function filled(entry: (index: number) => string, open: string, close: string): string {
  const entries: string[] = [];
  let length = open.length + close.length;
  for (let index = 0; ; index += 1) {
    const next = entry(index);
    length += next.length + 1;
    if (length > LIMITS.MAX_CONTROL_JSON) return open + entries.join(',') + close;
    entries.push(next);
  }
}

const word = (index: number): string => index.toString(36);
const CANDIDATE_KEYS = [
  'address',
  'port',
  'protocol',
  'foundation',
  'component',
  'priority',
  'url',
  'sdp_mid',
];

/** Members in another order each time: every order is a class of its own to the engine. */
function shuffled(index: number): string {
  const keys = CANDIDATE_KEYS.toSorted(
    (a, b) => ((a.length * index * 7919) % 97) - ((b.length * index * 104_729) % 89),
  );
  return `{${keys.map((key) => `"${key}":1`).join(',')}}`;
}

const CASES: ReadonlyArray<readonly [name: string, type: number, text: string]> = [
  ['deep arrays', FRAME.LEAVE, filled(() => '['.repeat(120) + ']'.repeat(120), '[', ']')],
  ['deep objects', FRAME.JOIN, filled(() => `${'{"a":'.repeat(120)}1${'}'.repeat(120)}`, '[', ']')],
  ['empty arrays as members', FRAME.JOIN, filled(() => '[]', '{"members":[', ']}')],
  ['empty objects as members', FRAME.JOIN, filled(() => '{}', '{"members":[', ']}')],
  ['empty candidates', FRAME.CALL_OFFER, filled(() => '{}', '{"transport":{"candidates":[', ']}}')],
  ['shuffled candidates', FRAME.CALL_OFFER, filled(shuffled, '{"transport":{"candidates":[', ']}}')],
  ['objects of other keys', FRAME.JOIN, filled((index) => `{"${word(index)}":1}`, '{"members":[', ']}')],
  ['one object of many keys', FRAME.JOIN, filled((index) => `"${word(index)}":1`, '{', '}')],
  ['roles', FRAME.GROUP_CREATE, filled((index) => `"${word(index)}":1`, '{"roles":{', '}}')],
  ['the same key', FRAME.GROUP_CREATE, filled(() => '"roles":{}', '{', '}')],
  ['texts', FRAME.JOIN, filled(() => '"a"', '{"members":[', ']}')],
  ['texts with escapes', FRAME.JOIN, filled(() => '"\\n"', '{"members":[', ']}')],
  ['fractions', FRAME.JOIN, filled(() => '1.5', '{"members":[', ']}')],
  ['exponents', FRAME.JOIN, filled(() => '1e1', '{"members":[', ']}')],
  ['large exponents', FRAME.JOIN, filled(() => '1e308', '{"members":[', ']}')],
  ['64 bits', FRAME.JOIN, filled(() => '18446744073709551615', '{"members":[', ']}')],
  ['escapes', FRAME.PRESENCE, `{"state":"${'\\u0041'.repeat(43_000)}"}`],
  ['surrogates', FRAME.PRESENCE, `{"state":"${'\\ud83d\\ude00'.repeat(21_500)}"}`],
  ['other alphabets', FRAME.PRESENCE, `{"state":"${'é'.repeat(131_000)}"}`],
  ['white space', FRAME.LEAVE, `{${' '.repeat(262_000)}}`],
  ['digits', FRAME.ACK, `{"ack":${'9'.repeat(262_000)}}`],
];

function nanosecondsPerByte(type: number, bytes: Uint8Array): number {
  const read = (): void => {
    try {
      parseJson(bytes, frameShape(type));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
    }
  };
  for (let round = 0; round < ROUNDS / 4; round += 1) read();
  const begin = process.cpuUsage();
  for (let round = 0; round < ROUNDS; round += 1) read();
  return (process.cpuUsage(begin).user * 1000) / ROUNDS / bytes.length;
}

let worst = 0;
for (const [name, type, text] of CASES) {
  const cost = nanosecondsPerByte(type, utf8(text));
  worst = Math.max(worst, cost);
  console.log(`${name.padEnd(26)} ${cost.toFixed(1).padStart(6)} ns a byte`);
}
console.log(`worst ${worst.toFixed(1)} of ${BUDGET_NS_PER_BYTE} ns a byte`);
process.exitCode = worst > BUDGET_NS_PER_BYTE ? 1 : 0;
