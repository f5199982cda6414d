import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findEvents } from '../../cli/log/log-events.ts';
import { prepareDevServer } from '../../cli/server/dev-server.ts';
import { STREAMS } from '../../src/events/streams.ts';
import { startServer } from '../../src/server/server.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { WireClient } from '../kit/wire-client.ts';

type Line = Readonly<Record<string, unknown>>;

/** Runs a server on the folder for one session of the device; returns what the server logged about sessions. */
async function visit(data: string, device: string): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const { config, identity } = await prepareDevServer({
    data,
    port: 0,
    set: ['storage.postgres_dsn=none', 'telemetry.log_level=info'],
  });
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Line) };
  const server = await startServer({ config, logger: createLogger({ level: 'info', destination }) });
  const { domain } = config.server;
  const ca = readFileSync(identity.caFile);
  const client = await WireClient.connect(
    { port: server.port, ca, domain, noisePublic: server.noisePublic },
    device,
  );
  await client.join(1, []);
  client.stream.end();
  await client.end();
  client.close();
  await server[Symbol.asyncDispose]();
  return lines.filter(({ message }) => String(message).startsWith('session '));
}

test('given the log lines of a session, then they are tied to the device over restarts, without its name, and log show tells which it is', {
  timeout: 60_000,
}, async () => {
  const data = mkdtempSync(join(tmpdir(), 'commucat-log-names-'));
  try {
    const [opened, closed] = await visit(data, 'device-of-alice');
    assert.deepEqual([opened?.message, closed?.message], ['session opened', 'session closed']);
    assert.equal(opened?.session, closed?.session);
    const [again] = await visit(data, 'device-of-alice');
    assert.deepEqual([again?.device, again?.user], [opened?.device, opened?.user]);
    assert.notEqual(again?.session, opened?.session);
    const [other] = await visit(data, 'device-of-bob');
    assert.notEqual(other?.device, opened?.device);
    assert.doesNotMatch(JSON.stringify([opened, closed, again, other]), /alice|bob/);
    for await (const event of findEvents(data, STREAMS.session.stream(String(opened?.session)), false)) {
      if (event.type !== 'session.opened') continue;
      assert.deepEqual(event.log_names, { device: opened?.device, user: opened?.user });
      assert.equal(event.data.device, 'device-of-alice');
      return;
    }
    assert.fail('the log has no session.opened');
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});
