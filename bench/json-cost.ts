// node --import tsx bench/json-cost.ts: what the server spends on the JSON of a client's frame, in the worst shapes that are
// known. The budget is 2 us for 100 bytes, whatever stands in them, and 0.1 ms a frame. Each line is the
// mean processor time of many rounds.
import { utf8 } from '../src/protocol/bytes.ts';
import {
  ControlError,
  frameShape,
  parseAck,
  parseCallOffer,
  parseJoin,
  parsePresence,
} from '../src/protocol/control/index.ts';
import { FRAME } from '../src/protocol/frames/frame-types.ts';
import { JsonError, type JsonValue, parseJson } from '../src/protocol/json/json.ts';
import { LIMITS } from '../src/protocol/limits.ts';

const BUDGET_NS_PER_BYTE = 20;
/** Beside that, for what short texts make us fill in; any frame costs a good part of it by being a frame. */
const ALLOWANCE_NS = 100_000;
/** Of the longest texts; shorter ones are read more often. */
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

/** An offer of as many candidates as there may be, all as short as they may be: most of what is read is defaults. */
function offered(candidate: string): string {
  const candidates = Array.from({ length: LIMITS.LIST_MAX }, () => candidate);
  return `{"call_id":"a","from":"b","to":[],"transport":{"candidates":[${candidates.join(',')}]}}`;
}

/** What reads the value of a frame, where that is more than a member or two. */
const READERS = new Map<number, (value: JsonValue) => unknown>([
  [FRAME.JOIN, parseJoin],
  [FRAME.CALL_OFFER, parseCallOffer],
  [FRAME.PRESENCE, parsePresence],
  [FRAME.ACK, parseAck],
]);

const CASES: ReadonlyArray<readonly [name: string, type: number, text: string]> = [
  ['deep arrays', FRAME.LEAVE, filled(() => '['.repeat(120) + ']'.repeat(120), '[', ']')],
  ['deep objects', FRAME.JOIN, filled(() => `${'{"a":'.repeat(120)}1${'}'.repeat(120)}`, '[', ']')],
  ['empty arrays as members', FRAME.JOIN, filled(() => '[]', '{"members":[', ']}')],
  ['empty objects as members', FRAME.JOIN, filled(() => '{}', '{"members":[', ']}')],
  ['empty candidates', FRAME.CALL_OFFER, filled(() => '{}', '{"transport":{"candidates":[', ']}}')],
  ['shuffled candidates', FRAME.CALL_OFFER, filled(shuffled, '{"transport":{"candidates":[', ']}}')],
  ['shortest candidates', FRAME.CALL_OFFER, offered('{"address":"","port":1}')],
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
      const value = parseJson(bytes, frameShape(type));
      READERS.get(type)?.(value);
    } catch (error) {
      if (!(error instanceof JsonError || error instanceof ControlError)) throw error;
    }
  };
  const rounds = Math.round((ROUNDS * LIMITS.MAX_CONTROL_JSON) / bytes.length);
  for (let round = 0; round < rounds / 4; round += 1) read();
  const begin = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) read();
  return (process.cpuUsage(begin).user * 1000) / rounds / bytes.length;
}

let worst = 0;
for (const [name, type, text] of CASES) {
  const bytes = utf8(text);
  const cost = nanosecondsPerByte(type, bytes);
  worst = Math.max(worst, (cost * bytes.length) / (BUDGET_NS_PER_BYTE * bytes.length + ALLOWANCE_NS));
  const whole = ((cost * bytes.length) / 1e6).toFixed(2);
  console.log(`${name.padEnd(26)} ${cost.toFixed(1).padStart(6)} ns a byte ${whole.padStart(6)} ms in all`);
}
console.log(`the worst takes ${(worst * 100).toFixed(0)} % of its budget`);
process.exitCode = worst > 1 ? 1 : 0;
