import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { temporaryFolder } from '../../test/kit/temporary-folder.ts';
import type { Clock } from '../ports/ports.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { ensureDevIdentity } from './dev-identity.ts';
import { SecretFileError } from './secret-file.ts';

const options = { clock: systemClock, random: systemRandom };

function folder(): string {
  return join(temporaryFolder('identity'), 'data');
}

/** Opens a TLS 1.3 connection that trusts only that CA and checks that name. */
async function handshake(
  identity: Awaited<ReturnType<typeof ensureDevIdentity>>,
  name: string,
): Promise<boolean> {
  const server = createServer({ cert: readFileSync(identity.certFile), key: readFileSync(identity.keyFile) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ca = readFileSync(identity.caFile);
  const accepted = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: name, minVersion: 'TLSv1.3' });
    socket.on('secureConnect', () => {
      resolve(socket.authorized);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
  });
  await new Promise((resolve) => server.close(resolve));
  return accepted;
}

function fingerprint(file: string): string {
  return new X509Certificate(readFileSync(file)).fingerprint256;
}

test('given an empty folder, when an identity is made, then a client that trusts the CA accepts the server under its names only', async () => {
  const identity = await ensureDevIdentity(folder(), { ...options, hosts: ['chat.test', '192.0.2.9'] });
  assert.equal(await handshake(identity, 'localhost'), true);
  assert.equal(await handshake(identity, 'chat.test'), true);
  assert.equal(await handshake(identity, 'other.test'), false);
  const certificate = new X509Certificate(readFileSync(identity.certFile));
  for (const address of ['127.0.0.1', '::1', '192.0.2.9']) assert.ok(certificate.checkIP(address), address);
  assert.equal(certificate.ca, false);
  assert.equal(new X509Certificate(readFileSync(identity.caFile)).ca, true);
});

test('given an identity, when its files are looked at, then only the owner may read them and nothing else was left behind', async () => {
  const directory = folder();
  await ensureDevIdentity(directory, options);
  assert.deepEqual(readdirSync(directory).sort(), ['ca-key.pem', 'ca.pem', 'cert.pem', 'key.pem']);
  for (const name of readdirSync(directory)) {
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  }
});

test('given a valid identity, when it is asked for again, then it is the same one', async () => {
  const directory = folder();
  const first = await ensureDevIdentity(directory, options);
  const before = [fingerprint(first.caFile), fingerprint(first.certFile)];
  const second = await ensureDevIdentity(directory, options);
  assert.deepEqual([fingerprint(second.caFile), fingerprint(second.certFile)], before);
});

test('given a new host, or a certificate about to expire, when it is asked for again, then the CA stays and the certificate is new', async () => {
  const directory = folder();
  const { caFile, certFile } = await ensureDevIdentity(directory, options);
  const [ca, first] = [fingerprint(caFile), fingerprint(certFile)];
  await ensureDevIdentity(directory, { ...options, hosts: ['new.test'] });
  const second = fingerprint(certFile);
  const later: Clock = { ...systemClock, now: () => systemClock.now() + 370 * 86_400_000 };
  await ensureDevIdentity(directory, { ...options, clock: later, hosts: ['new.test'] });
  assert.equal(fingerprint(caFile), ca);
  assert.equal(new Set([first, second, fingerprint(certFile)]).size, 3);
});

test('given a damaged or missing file, when it is asked for again, then a working identity is made', async () => {
  const directory = folder();
  const identity = await ensureDevIdentity(directory, options);
  writeFileSync(identity.certFile, 'not a certificate');
  assert.equal(await handshake(await ensureDevIdentity(directory, options), 'localhost'), true);
  rmSync(join(directory, 'ca-key.pem'));
  assert.equal(await handshake(await ensureDevIdentity(directory, options), 'localhost'), true);
});

test('given a key file that others may read, when it is asked for again, then it is refused', async () => {
  const directory = folder();
  const { keyFile } = await ensureDevIdentity(directory, options);
  chmodSync(keyFile, 0o644);
  await assert.rejects(ensureDevIdentity(directory, options), SecretFileError);
});
