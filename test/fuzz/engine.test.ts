import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { Coverage } from '../../fuzz/engine/coverage.ts';
import { Dictionary } from '../../fuzz/engine/dictionary.ts';
import type { Finding } from '../../fuzz/engine/finding.ts';
import { Fuzzer } from '../../fuzz/engine/fuzzer.ts';
import { COMPARE, COUNTERS, instrument } from '../../fuzz/engine/instrument.ts';
import { Prng } from '../../fuzz/engine/prng.ts';
import { SharedState } from '../../fuzz/engine/shared-state.ts';
import type { FuzzTarget } from '../../fuzz/target.ts';

/** Needs four right bytes and a keyword of the code: blind chance finds it once in 10^19 tries. */
const PLANTED = `
  function read(data) {
    if (data[0] === 0xc0) if (data[1] === 0xff) if (data[2] === 0xee) {
      const word = String.fromCharCode(...data.slice(3));
      if (word.startsWith('open-sesame')) throw new Error('the planted bug');
    }
    return data.length > 3 ? 'long' : 'short';
  }
  read`;

interface Setting {
  readonly fuzzer: Fuzzer;
  readonly coverage: Coverage;
  readonly findings: Finding[];
  readonly state: SharedState;
}

/** A fuzzer of instrumented code, in one thread. */
function setting(source: string, changes: Partial<FuzzTarget> = {}): Setting {
  const { code, counters, literals } = instrument(source);
  const coverage = new Coverage(counters);
  const dictionary = new Dictionary(literals);
  const compare = (left: unknown, right: unknown): boolean => dictionary.compare(left, right);
  const run = runInNewContext(code, {
    [COUNTERS]: coverage.counters,
    [COMPARE]: compare,
  }) as FuzzTarget['run'];
  const target: FuzzTarget = {
    name: 'test',
    about: '',
    maxLength: 64,
    form: 'bytes',
    seeds: () => [],
    run,
    ...changes,
  };
  const findings: Finding[] = [];
  const state = SharedState.create(64);
  const parts = { coverage, dictionary, prng: new Prng(1), state };
  return {
    fuzzer: new Fuzzer(target, parts, (finding) => findings.push(finding)),
    coverage,
    findings,
    state,
  };
}

describe('instrumentation', () => {
  test('given code with every kind of branch, when instrumented, then it computes the same', () => {
    const source = `
      function* digits(n) { do { yield n % 10; n = Math.floor(n / 10) } while (n !== 0) }
      class A { #x = 1; get x() { return this.#x } static of = () => ({ a: 1 }) }
      const sum = (list) => { let s = 0; for (const d of list) s += d; return s };
      function kind(n) { switch (n) { case 1: case 2: return 'few'; case 3: { return 'some' } default: return 'many' } }
      function caught() { try { null.x } catch { return typeof 1 === 'number' && (1 !== 2 || false) } }
      let text = ''; for (let i = 0; i < 3; i++) if (i === 1) text += 'one'; else if (i !== 2) text += 'zero'; else text += i;
      JSON.stringify([sum(digits(1234)), new A().x, A.of(), kind(2), kind(3), kind(9), caught(), text, null ?? 5])`;
    const { code, counters } = instrument(source);
    const globals = { [COUNTERS]: new Uint8Array(counters), [COMPARE]: (a: unknown, b: unknown) => a === b };
    assert.equal(runInNewContext(code, globals), runInNewContext(source, {}));
    assert.ok(counters > 15);
  });
});

describe('fuzzer', () => {
  test('given a bug behind four bytes and a word, when fuzzed, then it is found, and its input is made short', () => {
    const { fuzzer, findings } = setting(PLANTED);
    fuzzer.seed([Buffer.from('hello')]);
    for (let round = 0; round < 2_000 && findings.length === 0; round++) fuzzer.run(100);
    const [finding] = findings;
    assert.equal(finding?.kind, 'failed');
    assert.match(finding.message, /the planted bug/);
    assert.equal(Buffer.from(finding.input).toString('latin1'), '\xc0\xff\xeeopen-sesame');
  });

  test('given a bug that was found, when it comes again, then it is reported once', () => {
    const { fuzzer, findings } = setting("(data) => { throw new Error('offset ' + data.length) }");
    fuzzer.seed([Buffer.from('a'), Buffer.from('ab')]);
    fuzzer.run(50);
    assert.equal(findings.length, 1);
  });

  test('given a target that stops, when asked, then the supervisor can see the input that it runs', () => {
    const seen: string[] = [];
    const run = (): void => void seen.push(Buffer.from(parts.state.input).toString());
    const parts = setting('0', { run });
    parts.fuzzer.seed([Buffer.from('first'), Buffer.from('second')]);
    assert.deepEqual(seen, ['first', 'second']);
    assert.equal(parts.state.executions, 2);
  });

  test('given inputs that reach nothing new, when fuzzed, then they are not kept', () => {
    const { fuzzer, coverage } = setting('(data) => data.length > 2 ? 1 : 2');
    fuzzer.seed([Buffer.from('abc'), Buffer.from('abcd'), Buffer.from('a'), Buffer.from('b')]);
    fuzzer.run(200);
    assert.equal(fuzzer.entries.length, 2);
    assert.equal(coverage.edges, 3);
  });
});
