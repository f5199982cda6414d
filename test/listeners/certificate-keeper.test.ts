import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { CertificateKeeper } from '../../src/gateway/listen/certificate-keeper.ts';
import { readTlsIdentity, TlsIdentityError } from '../../src/gateway/listen/tls-identity.ts';
import { systemClock } from '../../src/system/index.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { until } from '../kit/waiting.ts';
import { CertificateFolder, issuePair } from './certificates.ts';

interface Line {
  readonly message: string;
  readonly fingerprint?: string;
  readonly err?: { readonly message: string };
}

type Files = { readonly cert: string; readonly key: string };

function keep({ cert, key }: Files, options: { readonly pollMs?: number } = {}) {
  const lines: Line[] = [];
  const applied: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Line);
      done();
    },
  });
  const metrics = createMetrics();
  const keeper = new CertificateKeeper({
    files: { tlsCert: cert, tlsKey: key },
    // Without a poll, time stands still: only `reload` looks at the files.
    clock: options.pollMs === undefined ? new Scheduler({ start: Date.now() }) : systemClock,
    logger: createLogger({ level: 'info', destination }),
    metrics,
    apply: ({ fingerprint }) => applied.push(fingerprint),
    ...options,
  });
  const counted = async (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await metrics.expose())?.[1] ?? Number.NaN);
  const refused = () => counted('commucat_tls_certificate_loads_total\\{result="refused"\\}');
  return { keeper, lines, applied, counted, refused };
}

test('given a pair that cannot be used, when it is read, then the error says what is wrong with which file, and quotes none', async () => {
  await using folder = await CertificateFolder.create();
  const [mine, other] = [await issuePair(), await issuePair()];
  const { cert, key } = await folder.renamed(mine);
  const files = { tlsCert: cert, tlsKey: key };
  assert.equal((await readTlsIdentity(files)).fingerprint, mine.fingerprint);
  const faulty = async (file: string, content: string) => {
    await writeFile(file, content);
    const error: unknown = await readTlsIdentity(files).catch((reason: unknown) => reason);
    assert.ok(error instanceof TlsIdentityError);
    assert.ok(error.message.includes(file));
    assert.ok(!error.message.includes(content.slice(0, 20)) || content === '');
    await folder.renamed(mine);
    return error.fault;
  };
  assert.equal(await faulty(key, other.key), 'mismatch');
  assert.equal(await faulty(key, 'not a key, but secret'), 'no_key');
  assert.equal(await faulty(cert, 'not a certificate at all'), 'no_certificate');
  assert.equal(await faulty(cert, mine.key), 'no_certificate');
  const half = mine.certificate.trimEnd().slice(0, -40);
  assert.equal(await faulty(cert, `${mine.certificate}${half}`), 'unusable');
  await rm(cert);
  await assert.rejects(readTlsIdentity(files), { fault: 'unreadable', digest: undefined });
});

test('given a new pair, when it is asked for, then it is applied, and the metric says when it ends', async () => {
  await using folder = await CertificateFolder.create();
  const [first, second] = [await issuePair(100), await issuePair()];
  const { applied, counted, keeper, lines } = keep(await folder.renamed(first));
  assert.equal((await keeper.start()).fingerprint, first.fingerprint);
  const before = await counted('commucat_tls_certificate_expires_seconds');
  await folder.renamed(second);
  await keeper.reload();
  assert.deepEqual(applied, [second.fingerprint]);
  const after = await counted('commucat_tls_certificate_expires_seconds');
  assert.equal(Math.round((after - before) / 86_400), 100);
  await keeper.reload();
  assert.deepEqual(applied, [second.fingerprint]);
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['TLS certificate loaded', 'TLS certificate loaded', 'TLS certificate is as it was'],
  );
  assert.equal(await counted('commucat_tls_certificate_loads_total\\{result="loaded"\\}'), 1);
  keeper.stop();
});

test('given a broken pair, when it is loaded again and again, then the old one stays, and each fault is logged once', async () => {
  await using folder = await CertificateFolder.create();
  const [first, second] = [await issuePair(), await issuePair()];
  const { applied, keeper, lines, refused } = keep(await folder.renamed(first));
  await keeper.start();
  const files = await folder.renamed({ ...second, key: first.key });
  await keeper.reload();
  await keeper.reload();
  assert.equal(await refused(), 1);
  assert.match(lines.at(-1)?.err?.message ?? '', /the key in .*key\.pem is not that of .*cert\.pem/);
  await rm(files.key);
  await keeper.reload();
  assert.equal(await refused(), 2);
  assert.deepEqual(applied, []);
  await folder.renamed(second);
  await keeper.reload();
  assert.deepEqual(applied, [second.fingerprint]);
  keeper.stop();
});

test('given a certificate in use that is valid, when its successor is not valid now, then it is refused; an expired one may be replaced', async () => {
  await using folder = await CertificateFolder.create();
  const [valid, expired, older] = [await issuePair(), await issuePair(500), await issuePair(600)];
  const files = await folder.renamed(valid);
  const { applied, keeper, refused } = keep(files);
  await keeper.start();
  await folder.renamed(expired);
  await keeper.reload();
  assert.deepEqual([applied, await refused()], [[], 1]);
  keeper.stop();

  const second = keep(files);
  await second.keeper.start();
  assert.equal(second.lines.at(-1)?.message, 'TLS certificate is not valid now');
  await folder.renamed(older);
  await second.keeper.reload();
  assert.deepEqual(second.applied, [older.fingerprint]);
  second.keeper.stop();
});

test('given a folder above the files that is replaced, when no watch sees it, then the poll does', {
  timeout: 20_000,
}, async () => {
  await using folder = await CertificateFolder.create();
  const [first, second] = [await issuePair(), await issuePair()];
  const { applied, keeper } = keep(await folder.released(first), { pollMs: 20 });
  await keeper.start();
  await folder.released(second);
  await until(() => applied.length > 0);
  assert.deepEqual(applied, [second.fingerprint]);
  keeper.stop();
});

test('given a refused pair that nobody touches, when it becomes usable by itself, then the poll finds that out', {
  timeout: 20_000,
}, async () => {
  await using folder = await CertificateFolder.create();
  const [first, second] = [await issuePair(), await issuePair()];
  const files = await folder.renamed(first);
  const { applied, keeper, refused } = keep(files, { pollMs: 20 });
  await keeper.start();
  await rm(files.key);
  await until(async () => (await refused()) > 0);
  await folder.renamed(second);
  await until(() => applied.length > 0);
  assert.deepEqual(applied, [second.fingerprint]);
  keeper.stop();
});
