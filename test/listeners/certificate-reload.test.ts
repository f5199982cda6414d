import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { commucat, RunningCommand } from '../integration/cli-support.ts';
import { startGateway } from '../integration/gateway-support.ts';
import { until } from '../kit/waiting.ts';
import { CertificateFolder, issuePair } from './certificates.ts';
import { dial, fingerprintAt, get2, secure, session2 } from './raw-client.ts';

const WAYS = ['renamed', 'relinked', 'mounted'] as const;

for (const way of WAYS) {
  test(`given a listener, when its certificate is ${way}, then new connections get the new one and old ones go on`, {
    timeout: 60_000,
  }, async () => {
    await using folder = await CertificateFolder.create();
    const [first, second, third] = [await issuePair(), await issuePair(), await issuePair()];
    const { cert, key } = await folder[way](first);
    const gateway = await startGateway([`server.tls_cert=${cert}`, `server.tls_key=${key}`]);
    const options = { rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const session = session2(await secure(await dial(gateway.port), gateway.ca, options));
    assert.equal((await get2(session, '/readyz')).status, 200);
    for (const pair of [second, third]) {
      await folder[way](pair);
      // Watches are told within half a second or so; the poll would take fifteen.
      await until(async () => (await fingerprintAt(gateway.port)) === pair.fingerprint);
    }
    assert.equal((await get2(session, '/readyz')).status, 200);
    session.destroy();
    await gateway.close();
  });
}

test('given a server, when it gets SIGHUP, then it reads the certificate again, goes on, and ends with SIGTERM as ever', {
  timeout: 60_000,
}, async () => {
  await using folder = await CertificateFolder.create();
  const { cert, key } = await folder.renamed(await issuePair());
  const config = await configure(folder.path, cert, key);
  await using running = new RunningCommand(['serve', '--config', config]);
  const has = (text: string) => running.until(() => running.lines.some((line) => line.includes(text)));
  await has('"listening"');
  running.process.kill('SIGHUP');
  await has('TLS certificate is as it was');
  await writeFile(key, 'no key');
  running.process.kill('SIGHUP');
  await has('TLS certificate refused');
  assert.equal(await running.end('SIGTERM'), 0);
});

test('given a key that is not that of the certificate, when a server starts, then it says so and ends with 3', async () => {
  await using folder = await CertificateFolder.create();
  const [mine, other] = [await issuePair(), await issuePair()];
  const { cert, key } = await folder.renamed({ ...mine, key: other.key });
  const { code, stderr } = await commucat(['serve', '--config', await configure(folder.path, cert, key)]);
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^commucat serve: the key in .*key\.pem is not that of .*cert\.pem; server\.tls_cert and server\.tls_k/m,
  );
});

async function configure(folder: string, cert: string, key: string): Promise<string> {
  const config = join(folder, 'commucat.toml');
  const server = [
    'bind = "127.0.0.1:0"',
    `tls_cert = "${cert}"`,
    `tls_key = "${key}"`,
    'domain = "localhost"',
  ];
  await writeFile(config, `[server]\n${server.join('\n')}\n[storage]\npostgres_dsn = "none"\n`);
  return config;
}
