import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Message, Receipt } from '../../src/client/index.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../src/protocol/json/json.ts';
import { CommandError, EXIT } from '../kit/exit-codes.ts';
import { linesOf } from '../kit/lines-of.ts';

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

/** Milliseconds that lines may take to be acknowledged when the user leaves. */
const LEAVING = 5_000;

/**
 * Runs until `/quit`, the end of the input, the signal or the end of the client.
 * @throws ClientError when it failed, CommandError when lines were not sent
 */
export async function chat(options: ChatOptions): Promise<void> {
  const { client, peer, channel } = options;
  narrate(options);
  await client.connect();
  await client.join(channel, { members: [peer] });
  const reading = readMessages(options);
  const ended = Promise.race([reading, aborted(options.signal)]);
  const letters = new Letters(options);
  const writing = writeLines(options, letters);
  await Promise.race([ended, writing.then((quit) => (options.stay && !quit ? ended : undefined))]);
  await Promise.race([letters.settled(), ended, sleep(LEAVING, undefined, { ref: false })]);
  await client.close();
  await reading;
  await letters.settled();
  if (letters.failed > 0) throw new CommandError(EXIT.FAILURE, `lines that were not sent: ${letters.failed}`);
}

async function readMessages({ client, show }: ChatOptions): Promise<void> {
  for await (const message of client.messages()) show(lineOf(message));
}

/** What clients of the reference write: `{"sender", "text"}`. Anything else is shown as it came. */
function lineOf(message: Message): ChatLine {
  try {
    const value = parseJson(message.payload);
    if (isJsonObject(value) && typeof value.text === 'string') {
      return { sender: typeof value.sender === 'string' ? value.sender : '?', text: value.text };
    }
  } catch {
    // Not JSON: text then.
  }
  return { sender: '?', text: message.text };
}

/** What this side has written. */
class Letters {
  readonly #options: ChatOptions;
  readonly #outstanding = new Set<Promise<unknown>>();
  readonly #noteIfAlone: (receipt: Receipt) => void;
  #failed = 0;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#noteIfAlone = aloneNote(options);
  }

  /** Lines that were not sent. */
  get failed(): number {
    return this.#failed;
  }

  async settled(): Promise<void> {
    await Promise.all(this.#outstanding);
  }

  send(line: string): void {
    const { client, channel, note, self } = this.#options;
    const sending = client
      .send(channel, stringifyJson({ sender: self, text: line }))
      .then(this.#noteIfAlone)
      .catch((error: Error) => {
        this.#failed += 1;
        note(`not sent: ${line}: ${error.message}`);
      })
      .finally(() => this.#outstanding.delete(sending));
    this.#outstanding.add(sending);
  }
}

/** Sends the lines of the input. True when the user asked to leave. */
async function writeLines({ client, input, signal }: ChatOptions, letters: Letters): Promise<boolean> {
  for await (const line of linesOf(input, signal)) {
    if (line === '/quit') return true;
    if (line.startsWith('/presence')) client.presence(line.slice('/presence'.length).trim() || 'online');
    else if (line !== '') {
      letters.send(line);
      await client.ready();
    }
  }
  await letters.settled();
  return false;
}

/** Says once, until somebody is there, that what was written reaches nobody: there is no history for who comes later. */
function aloneNote({ peer, note }: ChatOptions): (receipt: Receipt) => void {
  let said = false;
  return ({ stored, notStored }) => {
    const isAlone = stored === 0 && notStored === 0;
    if (isAlone && !said) note(`${peer} has not joined yet: nobody gets what you write`);
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
    if (typeof value.state === 'string') note(`${who} is ${value.state}`);
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
