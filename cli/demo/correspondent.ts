import {
  type Client,
  ClientError,
  createClient,
  FileDeviceStore,
  openDevice,
} from '../../src/client/index.ts';
import type { DevReady } from '../server/dev-server.ts';

export interface CorrespondentOptions {
  readonly name: string;
  /** File of its device: key, and how far it has come. */
  readonly file: string;
  readonly channel: number;
  readonly say: (text: string) => void;
}

/** One device of the demo: it sends lines, and writes down what it receives, exactly as it comes. */
export class Correspondent {
  readonly name: string;
  readonly received: string[] = [];
  acknowledged = 0;
  sent = 0;
  readonly #options: CorrespondentOptions;
  readonly #store: FileDeviceStore;
  readonly #outstanding = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #client: Client | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: CorrespondentOptions) {
    this.name = options.name;
    this.#options = options;
    this.#store = new FileDeviceStore(options.file);
  }

  async deviceId(): Promise<string> {
    const handle = this.name;
    return (await openDevice(this.#store, { handle, deviceId: `${handle}-demo` })).deviceId;
  }

  async connect(server: DevReady, ca: string, peer: string): Promise<void> {
    const client = createClient({
      url: server.url,
      ca,
      domain: server.domain,
      serverStatic: server.noise_public,
      store: this.#store,
      reconnect: { initialDelay: 100, maxDelay: 1000 },
    });
    this.#client = client;
    this.#narrate(client);
    await client.connect();
    await client.join(this.#options.channel, { members: [peer] });
    this.#reading = this.#read(client);
  }

  /** Waits for everything sent to be acknowledged, and leaves. */
  async disconnect(): Promise<void> {
    await this.settled();
    await this.#client?.close();
    await this.#reading;
    this.#client = undefined;
  }

  /** Hands a line to the client as soon as it has room, without waiting for the acknowledgement. */
  async send(text: string): Promise<void> {
    const client = this.#client;
    if (client === undefined) throw new TypeError(`${this.name} is offline`);
    await client.ready();
    this.sent += 1;
    const sending = this.#awaitAnswer(client.send(this.#options.channel, text));
    this.#outstanding.add(sending);
    void sending.finally(() => this.#outstanding.delete(sending));
  }

  /** @throws the first error of a line that could not be sent */
  async settled(): Promise<void> {
    await Promise.all(this.#outstanding);
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  async #awaitAnswer(answer: Promise<unknown>): Promise<void> {
    try {
      await answer;
      this.acknowledged += 1;
    } catch (error) {
      this.#failures.push(error);
    }
  }

  async #read(client: Client): Promise<void> {
    for await (const message of client.messages({ acknowledge: 'manual' })) {
      this.received.push(message.text);
      message.ack();
    }
  }

  #narrate(client: Client): void {
    let broken = false;
    client.on('disconnected', ({ willRetry }) => {
      if (willRetry && !broken) this.#options.say('has lost the connection, and keeps trying');
      broken = willRetry;
    });
    client.on('connected', ({ resumed }) => {
      if (resumed) this.#options.say(`is back; ${this.sent - this.acknowledged} lines had no answer yet`);
      broken = false;
    });
    client.on('error', (error) => {
      if (error instanceof ClientError && !error.retryable) {
        this.#options.say(`gets an error: ${error.message}`);
      }
    });
  }
}
