import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCorpus } from '../../fuzz/engine/corpus.ts';
import { targets } from '../../fuzz/targets/index.ts';

for (const target of targets) {
  test(`given the inputs that fuzzing of ${target.name} kept, when each is read, then ${target.about}`, () => {
    const inputs = readCorpus(target.name);
    assert.ok(inputs.length > 0, 'the corpus is committed');
    for (const input of [...inputs, ...target.seeds()]) target.run(Uint8Array.from(input));
  });
}
