import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { startGateway } from '../integration/gateway-support.ts';
import { get1, secure } from './raw-client.ts';

/** A link-local address of this machine with its zone. */
function linkLocal(): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const { address, family } of addresses ?? []) {
      if (family === 'IPv6' && address.startsWith('fe80:')) return `${address}%${name}`;
    }
  }
  return undefined;
}

const address = linkLocal();
const skip = address === undefined ? 'this machine has no link-local IPv6 address' : false;

test('given a link-local address with its zone, when the server is bound to it, then it answers there', {
  skip,
}, async () => {
  const gateway = await startGateway([`server.bind=[${address}]:0`]);
  try {
    const socket = connect({ host: String(address), port: gateway.port });
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const tls = await secure(socket, gateway.ca);
    assert.equal((await get1(tls, '/readyz')).status, 200);
    tls.destroy();
  } finally {
    await gateway.close();
  }
});
