import { folder, isPresent, isRequired, runSuite, type Tally, vectorFiles } from './folder.ts';
import type { VectorSuite } from './suite.ts';
import { SUITES, WAITING } from './suites.ts';

/** `npm run test:vectors`: one line per file and backend, exit code 1 when a case failed. The list of suites is in suites.ts. */

const SHOWN_FAILURES = 5;
const SHOWN_TEXT = 600;

async function main(): Promise<number> {
  if (!isPresent) {
    console.log(
      `vectors not found: left out (${folder} does not exist; COMMUCAT_VECTORS names another folder)`,
    );
    return isRequired ? 1 : 0;
  }
  console.log(`vectors in ${folder}`);
  let failed = 0;
  for (const file of vectorFiles()) {
    const suites = SUITES.filter((suite) => suite.file === file);
    for (const suite of suites) failed += show(suite, await runSuite(suite));
    if (suites.length === 0) {
      console.log(`${file}: ${WAITING.has(file) ? 'waits for later work' : 'unknown file, not read'}`);
    }
  }
  for (const suite of SUITES) {
    if (!vectorFiles().includes(suite.file)) console.log(`${suite.file}: missing`);
  }
  console.log(failed === 0 ? 'all cases passed' : `${failed} cases failed`);
  return failed === 0 ? 0 : 1;
}

/** Prints the line of one suite and returns the number of failed cases. */
function show(suite: VectorSuite, { passed, failures, quirks }: Tally): number {
  const backend = suite.backend === undefined ? '' : ` [${suite.backend}]`;
  const quirk = quirks.length === 0 ? '' : `, ${quirks.length} skipped as quirk`;
  console.log(`${suite.file}${backend}: ${passed} passed, ${failures.length} failed${quirk}`);
  for (const { name, decision } of quirks) console.log(`    quirk   ${name} (${decision})`);
  for (const { name, problem } of failures.slice(0, SHOWN_FAILURES)) {
    console.log(
      `    FAILED  ${name}\n            ${problem.slice(0, SHOWN_TEXT).replaceAll('\n', '\n            ')}`,
    );
  }
  if (failures.length > SHOWN_FAILURES) console.log(`    and ${failures.length - SHOWN_FAILURES} more`);
  return failures.length;
}

process.exitCode = await main();
