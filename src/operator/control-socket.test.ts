import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Accounts } from '../actors/accounts/accounts.ts';
import { createLogger } from '../telemetry/index.ts';
import { controlSocketPath, openControlSocket } from './control-socket.ts';

const HEAD = 'POST /register HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n';

for (const [what, bytes] of [
  ['nothing', ''],
  ['half a head', HEAD],
] as const) {
  test(`given a connection that has sent ${what}, when the server ends, then it is closed while a request under way is answered`, async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'commucat-control-'));
    t.after(() => rm(dataDir, { recursive: true }));
    const logger = createLogger({ level: 'warn', destination: { write: () => undefined } });
    // The request is refused before it comes as far as the accounts.
    const door = await openControlSocket({ dataDir, accounts: {} as Accounts, logger });
    const dial = async () => {
      const peer = connect(controlSocketPath(dataDir)).on('error', () => undefined);
      await once(peer, 'connect');
      return peer;
    };
    const silent = await dial();
    silent.resume().write(bytes);
    const asking = await dial();
    const answer: Buffer[] = [];
    asking.on('data', (chunk: Buffer) => answer.push(chunk));
    // The server asks for the body when it has taken the head.
    asking.write(`${HEAD}expect: 100-continue\r\n\r\n`);
    await once(asking, 'data');

    const ended = door[Symbol.asyncDispose]();
    await once(silent, 'close');
    // When the time of grace is over every connection is cut, and this one would get no answer.
    asking.write('{}');
    await Promise.all([ended, once(asking, 'close')]);
    assert.match(Buffer.concat(answer).toString(), /HTTP\/1\.1 400 /);
  });
}
