import { Worker } from 'node:worker_threads';
import type { ListenerAddress } from '../gateway/index.ts';
import type { Clock } from '../ports/ports.ts';
import type { RelayPort, SessionNumber } from '../relay-port/relay-port.ts';
import { type Logger, type MetricsSnapshot, writeForwarded } from '../telemetry/index.ts';
import { BatchPort } from './batch-port.ts';
import { Inquiries } from './inquiries.ts';
import { Later } from './later.ts';
import type { FromWorker, Question, ToWorker, WorkerSetup } from './messages.ts';
import { type RelayCalls, readRelayCalls } from './relay-calls.ts';
import { type RemoteLinks, type RemoteWorker, remoteWorker } from './remote-links.ts';

/** The entry of the thread, as source under a loader and as built. */
const ENTRY = new URL(`./worker-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** What a worker may ask beside the relay. */
export interface ServerQuestions {
  readonly ready: () => Promise<boolean>;
  readonly metrics: () => Promise<string>;
}

export interface GatewayWorkerParts {
  readonly setup: WorkerSetup;
  /** In thread names and logs. */
  readonly name: string;
  readonly relay: RelayPort;
  readonly links: RemoteLinks;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly server: ServerQuestions;
  /** Called once, when the thread has ended: by itself, or after `close` or `kill`. */
  readonly onExit: (error: Error | undefined) => void;
}

/** One thread with a gateway, and the relay's end of the connection to it. */
export class GatewayWorker {
  readonly #parts: GatewayWorkerParts;
  readonly #thread: Worker;
  readonly #remote: RemoteWorker;
  readonly #snapshots = new Inquiries();
  readonly #listening = new Later<ListenerAddress>();
  readonly #closed = new Later<void>();
  #lastSession: SessionNumber;
  #error: Error | undefined;
  #exited = false;

  constructor(parts: GatewayWorkerParts) {
    const { clock, name, setup } = parts;
    this.#parts = parts;
    this.#lastSession = setup.firstSession;
    this.#thread = new Worker(ENTRY, { workerData: setup, name });
    const port = new BatchPort({
      clock,
      transfer: (batch) => this.#thread.postMessage(batch, [batch]),
    });
    this.#remote = remoteWorker(port);
    this.#thread.on('message', (message: ArrayBuffer | FromWorker) => this.#onMessage(message));
    this.#thread.on('error', (error: Error) => {
      this.#error = error;
    });
    this.#thread.once('exit', () => this.#onExit());
  }

  /** Resolves when the thread accepts connections; rejects when it cannot. */
  get listening(): Promise<ListenerAddress> {
    return this.#listening.promise;
  }

  /** The number that a successor begins with. */
  get nextSession(): SessionNumber {
    return this.#lastSession + this.#parts.setup.sessionStep;
  }

  /** Bytes of calls that the thread has not worked off. */
  get pending(): number {
    return this.#remote.port.pending;
  }

  /** Share of time in which the thread was busy since it began, 0 to 1. */
  get utilization(): number {
    return this.#exited ? 0 : this.#thread.performance.eventLoopUtilization().utilization;
  }

  snapshot(): Promise<MetricsSnapshot> {
    return this.#snapshots.ask<MetricsSnapshot>((id) => this.#send({ kind: 'snapshot', id }));
  }

  reloadCertificate(): void {
    this.#send({ kind: 'reloadCertificate' });
  }

  /** Lets the sessions take what is queued for at most `deadlineMs`, `graceMs` more for the thread itself; then it is gone. */
  async close(deadlineMs: number, graceMs: number): Promise<void> {
    if (this.#exited) return;
    this.#send({ kind: 'close', deadlineMs });
    const cancel = this.#parts.clock.after(deadlineMs + graceMs, () => this.#closed.resolve(undefined));
    await this.#closed.promise;
    cancel();
    await this.kill();
  }

  async kill(): Promise<void> {
    await this.#thread.terminate();
  }

  #onMessage(message: ArrayBuffer | FromWorker): void {
    if (message instanceof ArrayBuffer) {
      this.#remote.port.receive(message, this.#read);
      this.#parts.links.progressed(this.#remote, this.#parts.relay);
      return;
    }
    switch (message.kind) {
      case 'question':
        void this.#answer(message.id, message.question);
        return;
      case 'listening':
        this.#listening.resolve(message.address);
        return;
      case 'failed':
        this.#error = Object.assign(new Error(message.message), { code: message.code });
        this.#listening.reject(this.#error);
        return;
      case 'snapshot':
        this.#snapshots.answer(message.id, message.snapshot);
        return;
      case 'log':
        writeForwarded(this.#parts.logger, message.line);
        return;
      case 'closed':
        this.#closed.resolve(undefined);
    }
  }

  readonly #read = (batch: DataView): void => readRelayCalls(batch, this.#calls);

  readonly #calls: RelayCalls = {
    frame: (session, frame) => this.#parts.relay.frame(session, frame),
    begin: (session) => this.#parts.relay.begin(session),
    taken: (session, mark) => this.#parts.relay.taken(session, mark),
    received: (session, mark) => this.#parts.relay.received(session, mark),
    closed: (session, reason) => {
      this.#parts.links.close(session);
      this.#parts.relay.closed(session, reason);
    },
    passed: (session, bytes) => this.#parts.links.passed(session, bytes, this.#parts.relay),
  };

  async #answer(id: number, question: Question): Promise<void> {
    try {
      const answer = await this.#askServer(question);
      this.#send({ kind: 'answer', id, answer });
    } catch (error) {
      this.#parts.logger.error(
        { err: error, question: question.name },
        'a question of a gateway worker failed',
      );
      this.#send({ kind: 'noAnswer', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  #askServer(question: Question) {
    const { links, relay, server } = this.#parts;
    switch (question.name) {
      case 'resolve':
        this.#lastSession = Math.max(this.#lastSession, question.about.session);
        links.open(question.about.session, this.#remote);
        return relay.resolve(question.about);
      case 'establish':
        return relay.establish(question.about);
      case 'ready':
        return server.ready();
      case 'metrics':
        return server.metrics();
      case 'connections':
        return links.size;
    }
  }

  /** What is collected in the batch was said before. */
  #send(message: ToWorker): void {
    if (this.#exited) return;
    this.#remote.port.post();
    this.#thread.postMessage(message);
  }

  #onExit(): void {
    this.#exited = true;
    const { links, name, onExit, relay } = this.#parts;
    const error = this.#error;
    this.#listening.reject(error ?? new Error(`${name} ended before it listened`));
    this.#listening.promise.catch(() => undefined);
    this.#snapshots.failAll(`${name} has ended`);
    this.#closed.resolve(undefined);
    for (const session of this.#remote.links.keys()) {
      links.close(session);
      relay.closed(session, 'worker_died');
    }
    onExit(error);
  }
}
