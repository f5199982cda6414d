import https from 'node:https';
import { connect } from 'node:tls';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { DOORS } from '../kit/doors.ts';
import type { ServerProcess } from '../kit/server-process.ts';
import { pause } from '../kit/waiting.ts';
import { WireClient } from '../kit/wire-client.ts';

/** Those who come and go: nothing of theirs may stay. Always the same few device ids, so that no accounts pile up. */
export class Strangers {
  readonly #server: ServerProcess;
  readonly #ca: Buffer;
  readonly #random: () => number;
  #stopped = false;
  visits = 0;

  constructor(server: ServerProcess, ca: Buffer, random: () => number) {
    this.#server = server;
    this.#ca = ca;
    this.#random = random;
  }

  stop(): void {
    this.#stopped = true;
  }

  async live(): Promise<void> {
    const visits = [
      () => this.#silent(),
      () => this.#halfHandshake(),
      () => this.#garbage(),
      () => this.#page(),
    ];
    while (!this.#stopped) {
      await pause(50 + 400 * this.#random());
      this.visits += 1;
      await visits[Math.floor(this.#random() * visits.length)]?.();
    }
  }

  /** TLS, and then nothing. */
  async #silent(): Promise<void> {
    const socket = connect({
      port: this.#server.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: this.#ca,
    });
    socket.on('error', () => undefined);
    await pause(100 * this.#random());
    socket.destroy();
  }

  /** HELLO, and gone before the server's answer is used. */
  async #halfHandshake(): Promise<void> {
    const door = DOORS[Math.floor(this.#random() * DOORS.length)];
    const { domain, noise_public: noisePublic } = this.#server.ready;
    const address = { port: this.#server.port, ca: this.#ca, domain, noisePublic };
    const client = new WireClient(address, 'stranger', door === undefined ? {} : { door });
    client.stream.on('error', () => undefined);
    client.plain(FRAME.HELLO, 0, 1, JSON.stringify(client.hello));
    await pause(60 * this.#random());
    client.close();
  }

  async #garbage(): Promise<void> {
    const door = DOORS[Math.floor(this.#random() * DOORS.length)];
    const stream = door?.open({ port: this.#server.port, ca: this.#ca });
    stream?.on('error', () => undefined);
    stream?.resume();
    stream?.write(Buffer.from(Array.from({ length: 200 }, () => Math.floor(this.#random() * 256))));
    await pause(60 * this.#random());
    stream?.destroy();
  }

  #page(): Promise<void> {
    const options = { host: '127.0.0.1', servername: 'localhost', port: this.#server.port, ca: this.#ca };
    return new Promise((resolve) => {
      const request = https.get({ ...options, path: '/api/server-info', agent: false }, (response) => {
        response.resume();
        response.on('close', () => resolve());
      });
      request.on('error', () => resolve());
    });
  }
}
