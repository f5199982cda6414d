import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Client, Message, Receipt } from '../../src/client/index.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../src/protocol/json.ts';
import { printable } from '../printable.ts';

export interface ChatLine {
  readonly sender: string;
  readonly text: string;
}

export interface ChatOptions {
  readonly client: Client;
  readonly self: string;
  readonly peer: string;
  readonly channel: number;
  readonly input: Readable;
  /** Goes on after the end of the input. */
  readonly stay: boolean;
  readonly signal: AbortSignal;
  /** Somebody has written. */
  readonly show: (line: ChatLine) => void;
  /** What happens to the connection. */
  readonly note: (text: string) => void;
}

/** Runs until `/quit`, the end of the input, the signal or the end of the client. @throws ClientError when it failed */
export async function chat(options: ChatOptions): Promise<void> {
  const { client, peer, channel } = options;
  narrate(options);
  await client.connect();
  await client.join(channel, { members: [peer] });
  const reading = readMessages(options);
  const ended = Promise.race([reading, aborted(options.signal)]);
  const writing = writeLines(options);
  await Promise.race([ended, writing.then((quit) => (options.stay && !quit ? ended : undefined))]);
  await client.close();
  await reading;
}

async function readMessages({ client, show }: ChatOptions): Promise<void> {
  for await (const message of client.messages()) show(lineOf(message));
}

/** What clients of the reference write: `{"sender", "text"}`. Anything else is shown as it came. */
function lineOf(message: Message): ChatLine {
  try {
    const value = parseJson(message.payload);
    if (isJsonObject(value) && typeof value.text === 'string')
      return { sender: typeof value.sender === 'string' ? value.sender : '?', text: value.text };
  } catch {
    // Not JSON: text then.
  }
  return { sender: '?', text: message.text };
}

/** Sends the lines of the input. True when the user asked to leave. */
async function writeLines(options: ChatOptions): Promise<boolean> {
  const { client, self, channel, input, signal, note } = options;
  const outstanding = new Set<Promise<unknown>>();
  const noteIfAlone = aloneNote(options);
  for await (const line of createInterface({ input, signal })) {
    if (line === '/quit') return true;
    if (line.startsWith('/presence')) client.presence(line.slice('/presence'.length).trim() || 'online');
    else if (line !== '') {
      const sending = client
        .send(channel, stringifyJson({ sender: self, text: line }))
        .then(noteIfAlone)
        .catch((error: Error) => note(`not sent: ${line}: ${error.message}`))
        .finally(() => outstanding.delete(sending));
      outstanding.add(sending);
      await client.ready();
    }
  }
  await Promise.all(outstanding);
  return false;
}

/** Says once, until somebody is there, that what was written reaches nobody: there is no history for who comes later. */
function aloneNote({ peer, note }: ChatOptions): (receipt: Receipt) => void {
  let said = false;
  return ({ stored, notStored }) => {
    const isAlone = stored === 0 && notStored === 0;
    if (isAlone && !said) note(`${printable(peer)} has not joined yet: nobody gets what you write`);
    said = isAlone;
  };
}

function narrate({ client, peer, note }: ChatOptions): void {
  client.on('connected', ({ resumed }) => note(resumed ? 'connected again' : 'connected'));
  client.on('disconnected', ({ reason, willRetry, delay }) => {
    // The last one is what `chat` throws, or what was asked for.
    if (willRetry) note(`${reason.message}; next attempt in ${((delay ?? 0) / 1000).toFixed(1)} s`);
  });
  client.on('presence', ({ value }) => {
    if (!isJsonObject(value)) return;
    const who = typeof value.entity === 'string' ? value.entity : peer;
    if (typeof value.state === 'string') note(`${printable(who)} is ${printable(value.state)}`);
  });
  client.on('expired', ({ from, to }) => note(`messages ${from} to ${to} waited too long and are gone`));
  client.on('error', (error) => note(error.message));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
