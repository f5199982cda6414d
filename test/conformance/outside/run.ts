// `npm run test:outside`: programs that are not ours against a server process; writes results.json, failures included.
import { writeFileSync } from 'node:fs';
import { ServerProcess } from '../../kit/server-process.ts';
import { CASES, type OutsideCase, type OutsideServer } from './cases.ts';

interface Result {
  readonly tool: string;
  readonly version: string;
  readonly case: string;
  readonly expected: string;
  readonly got: string;
  readonly pass: boolean;
}

const CASE_MS = 40_000;

async function attempt(outside: OutsideCase, server: OutsideServer): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no end within ${CASE_MS} ms`), CASE_MS);
  });
  try {
    return await Promise.race([outside.run(server), late]);
  } catch (error) {
    return String(error);
  } finally {
    clearTimeout(timer);
  }
}

// h2load is one address: what it measures here is HTTP, not the limiter.
await using server = await ServerProcess.start(['security.rate_limit.http_burst=100000']);
const { domain, noise_public: noisePublic, ca_file: caFile } = server.ready;
const address = { port: server.port, ca: server.ca, domain, noisePublic, caFile };
const results: Result[] = [];
for (const outside of CASES) {
  const { tool, name, expected } = outside;
  if (tool.version === undefined) {
    const got = `not run: ${tool.name} is not installed (apt-get install ${tool.package})`;
    results.push({ tool: tool.name, version: 'none', case: name, expected, got, pass: false });
  } else {
    const got = (await attempt(outside, address)).replaceAll(String(server.port), 'PORT');
    results.push({
      tool: tool.name,
      version: tool.version,
      case: name,
      expected,
      got,
      pass: got === expected,
    });
  }
  const { pass, got } = results.at(-1) ?? { pass: false, got: '' };
  process.stdout.write(`${pass ? 'ok    ' : 'FAILED'} ${tool.name} ${tool.version ?? ''}: ${name}\n`);
  if (!pass) process.stdout.write(`       expected ${expected}\n       got      ${got}\n`);
}
writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`);
const passed = results.filter(({ pass }) => pass).length;
process.stdout.write(`${passed} of ${results.length} passed\n`);
process.exit(passed === results.length ? 0 : 1);
