import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { folder, isPresent, isRequired, runSuite, vectorFiles } from './folder.ts';
import { SUITES } from './suites.ts';

describe('given the published test vectors', { skip: leftOut() }, () => {
  for (const suite of SUITES) {
    const backend = suite.backend === undefined ? '' : ` with the backend ${suite.backend}`;
    test(`when ${suite.file} runs${backend}, then every case passes`, {
      skip: missing(suite.file),
    }, async () => {
      const { failures } = await runSuite(suite);
      assert.deepEqual(failures, []);
    });
  }
});

function leftOut(): string | false {
  return isPresent || isRequired ? false : `vectors not found: left out (${folder} does not exist)`;
}

function missing(file: string): string | false {
  return isPresent && vectorFiles().includes(file) ? false : isRequired ? false : `${file} is not there`;
}
