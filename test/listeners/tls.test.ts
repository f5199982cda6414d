import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { dial, get2, secure, session2 } from './raw-client.ts';

/** What a client of these options agrees on with the server. */
async function agree(gateway: TestGateway, options: ConnectionOptions) {
  const tls = await secure(await dial(gateway.port), gateway.ca, { ALPNProtocols: ['h2'], ...options });
  const { name } = tls.getCipher();
  const facts = { protocol: tls.getProtocol(), cipher: name, alpn: tls.alpnProtocol };
  const session = session2(tls);
  const { status } = await get2(session, '/readyz');
  session.destroy();
  return { ...facts, status };
}

const OLD: ConnectionOptions = { maxVersion: 'TLSv1.2' };

test('given the defaults, when a client knows TLS 1.2 at most, then it is refused and counted', async () => {
  const gateway = await startGateway();
  await assert.rejects(() => agree(gateway, OLD));
  assert.equal((await agree(gateway, {})).protocol, 'TLSv1.3');
  assert.match(
    await gateway.metrics.expose(),
    /^commucat_connections_refused_total\{listener="tls",reason="tls_failed"\} 1$/m,
  );
  await gateway.close();
});

test('given TLS 1.2 by configuration, when old and new clients come, then both get HTTP/2, and only suites that it allows', async () => {
  const gateway = await startGateway(['server.tls_min_version=1.2']);
  assert.equal((await agree(gateway, {})).protocol, 'TLSv1.3');
  for (const cipher of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
    const agreed = await agree(gateway, { ...OLD, ciphers: cipher });
    assert.deepEqual(agreed, { protocol: 'TLSv1.2', cipher, alpn: 'h2', status: 200 });
  }
  for (const cipher of [
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'AES128-GCM-SHA256',
    'DHE-RSA-AES128-GCM-SHA256',
  ]) {
    await assert.rejects(() => agree(gateway, { ...OLD, ciphers: `${cipher}:@SECLEVEL=0` }), cipher);
  }
  await assert.rejects(() =>
    agree(gateway, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
  );
  await gateway.close();
});

test('given a client of TLS 1.2, when it asks to negotiate anew, then it loses its connection', async () => {
  const gateway = await startGateway(['server.tls_min_version=1.2']);
  const tls = await secure(await dial(gateway.port), gateway.ca, OLD);
  const closed = new Promise((resolve) => tls.once('close', resolve));
  tls.renegotiate({ rejectUnauthorized: false }, () => undefined);
  await closed;
  await gateway.close();
});
