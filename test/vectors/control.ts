import assert from 'node:assert/strict';
import {
  ControlError,
  parseCallAnswer,
  parseCallEnd,
  parseCallOffer,
  parseCallStats,
  parseCallTransportUpdate,
} from '../../src/protocol/control/index.ts';
import {
  canonicalJson,
  isJsonObject,
  JsonError,
  JsonFloat,
  type JsonInput,
  type JsonValue,
  parseJson,
} from '../../src/protocol/json/json.ts';
import { eachCase, text, type VectorCase, type VectorSuite } from './suite.ts';

/** `ccp1-control.json`: the call structures. */
export const control: VectorSuite = {
  file: 'ccp1-control.json',
  run(document, report) {
    eachCase(document, report, (vector) => checkCase(vector));
  },
};

const STRUCTURES: Readonly<Record<string, (value: JsonValue) => unknown>> = {
  CallOffer: parseCallOffer,
  CallAnswer: parseCallAnswer,
  CallEnd: parseCallEnd,
  CallStats: parseCallStats,
  CallTransportUpdate: parseCallTransportUpdate,
};

/** Accidents of the reference's serialisation library that we refuse: a structure is an object, a name is a text. */
const REFUSED_QUIRKS = new Set(['struct-as-array', 'enum-as-object', 'enum-index', 'tag-index']);
/** Loss is a double here; the reference rounds it to 32 bits. */
const ACCEPTED_QUIRKS = new Set(['f32-widened', 'f32-overflow-to-null']);

const utf8 = new TextEncoder();

function checkCase(vector: VectorCase): 'checked' | { readonly quirk: string } {
  const parse = STRUCTURES[text(vector, 'structure')];
  if (parse === undefined) throw new Error(`unknown structure ${text(vector, 'structure')}`);
  const read = (): unknown => parse(parseJson(utf8.encode(text(vector, 'input'))));
  const quirk = vector.quirk;
  if (vector.accepted !== true) {
    assert.throws(read, vector.error === 'json' ? JsonError : ControlError);
    return 'checked';
  }
  if (typeof quirk === 'string' && REFUSED_QUIRKS.has(quirk)) {
    assert.throws(read, ControlError);
    return { quirk: `${quirk}: refused by us` };
  }
  const structure = read();
  if (typeof quirk === 'string') {
    return { quirk: ACCEPTED_QUIRKS.has(quirk) ? `${quirk}: kept as a double` : `${quirk}: not compared` };
  }
  assert.equal(canonicalJson(withFloats(structure as JsonValue)), text(vector, 'normalised'));
  return 'checked';
}

/** The structures hold plain numbers; the reference writes the one field that is a float with a point. */
function withFloats(structure: JsonValue): JsonInput {
  if (!isJsonObject(structure)) return structure;
  const result: Record<string, JsonInput> = { ...structure };
  for (const key of ['audio', 'video']) {
    const stream = structure[key];
    if (stream === undefined || !isJsonObject(stream)) continue;
    const loss = stream.packet_loss;
    if (typeof loss === 'number') result[key] = { ...stream, packet_loss: new JsonFloat(loss) };
  }
  return result;
}
