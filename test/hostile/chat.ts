import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from '../kit/waiting.ts';
import type { ServerAddress } from '../kit/wire-client.ts';

const CHILD = fileURLToPath(new URL('./chat-child.ts', import.meta.url));

export interface Round {
  /** When the message was sent, in milliseconds of `monotonic`. */
  readonly begun: number;
  /** How long it took until the sender had its ACK and the other one the message, in milliseconds. */
  readonly took: number;
}

export type ChatOrder =
  | {
      readonly what: 'talk';
      readonly server: Omit<ServerAddress, 'ca'> & { readonly ca: string };
      /** Begins each message: what was said in another life is not taken for an answer. */
      readonly life: string;
    }
  | { readonly what: 'hush' };

export type ChatReport =
  | { readonly what: 'joined' | 'silent' }
  | ({ readonly what: 'round' } & Round)
  | { readonly what: 'failed'; readonly why: string };

/** Two devices in a process of their own that exchange messages, one at a time, and say how long each took. */
export class Chat implements AsyncDisposable {
  readonly rounds: Round[] = [];
  readonly #child: ChildProcess;
  #state: ChatReport['what'] = 'silent';
  #failure: string | undefined;
  #lives = 0;

  constructor() {
    this.#child = fork(CHILD, {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (report: ChatReport) => {
      this.#state = report.what;
      if (report.what === 'round') this.rounds.push({ begun: report.begun, took: report.took });
      if (report.what === 'failed') this.#failure = report.why;
    });
    this.#child.once('exit', (code, signal) => {
      this.#failure ??= `its process ended: ${code ?? signal}`;
    });
  }

  /** Resolves when both are there; from then on they talk. */
  async talk({ ca, ...server }: ServerAddress): Promise<void> {
    this.#lives += 1;
    this.#order({
      what: 'talk',
      server: { ...server, ca: ca.toString() },
      life: `life ${this.#lives}:`,
    });
    await this.#until(() => this.#state !== 'silent');
  }

  /** Resolves when the two have left. */
  async hush(): Promise<void> {
    this.#order({ what: 'hush' });
    await this.#until(() => this.#state === 'silent');
  }

  /** Resolves when the two have exchanged so many more messages; rejects when they cannot talk any more. */
  async heard(messages: number): Promise<void> {
    const enough = this.rounds.length + messages;
    await this.#until(() => this.rounds.length >= enough);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  #order(order: ChatOrder): void {
    if (this.#child.connected) this.#child.send(order);
  }

  async #until(holds: () => boolean): Promise<void> {
    await until(() => {
      if (holds()) return true;
      if (this.#failure !== undefined) throw new Error(`the chat ended: ${this.#failure}`);
      return false;
    }, 'the chat');
  }
}
