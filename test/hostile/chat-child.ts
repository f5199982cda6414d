// Two well-behaved devices that talk without end, in a process of their own: what they see of an attack is the server's
// doing, and not that of whoever attacks. Started by `Chat`, which says when they talk.
import assert from 'node:assert/strict';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { pause } from '../kit/waiting.ts';
import { type ServerAddress, WireClient } from '../kit/wire-client.ts';
import type { ChatOrder, ChatReport } from './chat.ts';
import { monotonic } from './time.ts';

const CHANNEL = 1;
/** Between two messages, in milliseconds: enough messages for a p99, and no load to speak of. */
const BREATH_MS = 5;

const report = (line: ChatReport): void => void process.send?.(line);

let talking = false;
let conversation = Promise.resolve();

async function converse(server: ServerAddress, life: string): Promise<void> {
  // Without `resume`: after a restart their sequences begin anew.
  const options = { capabilities: ['delivery-ack'] };
  const alice = await WireClient.connect(server, 'alice', options);
  const bob = await WireClient.connect(server, 'bob', options);
  for (const client of [alice, bob]) await client.join(CHANNEL, ['alice', 'bob']);
  report({ what: 'joined' });
  for (let number = 0; talking; number += 1) {
    const [speaker, listener] = number % 2 === 0 ? [alice, bob] : [bob, alice];
    const begun = monotonic();
    await exchange(speaker, listener, life, `${life} message ${number}`);
    report({ what: 'round', begun, took: monotonic() - begun });
    await pause(BREATH_MS);
  }
  for (const client of [alice, bob]) client.close();
  report({ what: 'silent' });
}

async function exchange(
  speaker: WireClient,
  listener: WireClient,
  life: string,
  words: string,
): Promise<void> {
  const answer = await speaker.say(CHANNEL, words);
  assert.equal(answer.type, FRAME.ACK, answer.text);
  // What was not confirmed before a restart comes again.
  const heard = await listener.until(({ type, text }) => type === FRAME.MSG && text.startsWith(life));
  assert.equal(heard.text, words);
  listener.post(FRAME.ACK, 0, { ack: heard.sequence });
}

process.on('message', (order: ChatOrder) => {
  talking = order.what === 'talk';
  if (order.what !== 'talk') return;
  const { port, ca, domain, noisePublic } = order.server;
  conversation = conversation.then(() =>
    converse({ port, ca: Buffer.from(ca), domain, noisePublic }, order.life),
  );
  conversation.catch((error: unknown) => {
    report({ what: 'failed', why: String(error) });
    process.disconnect();
  });
});
// Whoever started this is gone.
process.on('disconnect', () => process.exit());
