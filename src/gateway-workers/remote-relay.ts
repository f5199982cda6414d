import type { Frame } from '../protocol/frames/frame.ts';
import type {
  Establishment,
  HelloFacts,
  RelayPort,
  Resolution,
  SessionNumber,
} from '../relay-port/relay-port.ts';
import type { BatchPort } from './batch-port.ts';
import type { Asker } from './inquiries.ts';
import type { LinkFlows } from './link-flows.ts';
import { RelayCallWriter } from './relay-calls.ts';

export interface RemoteRelayParts {
  readonly port: BatchPort;
  readonly flows: LinkFlows;
  readonly ask: Asker;
}

/** The relay as a gateway worker sees it: every call goes into the batch of this turn. */
export class RemoteRelay implements RelayPort {
  readonly #flows: LinkFlows;
  readonly #ask: Asker;
  readonly #calls: RelayCallWriter;

  constructor({ port, flows, ask }: RemoteRelayParts) {
    this.#flows = flows;
    this.#ask = ask;
    this.#calls = new RelayCallWriter(port);
  }

  resolve(hello: HelloFacts): Promise<Resolution> {
    return this.#ask('resolve', withoutForeignBytes(hello));
  }

  establish(session: SessionNumber): Promise<Establishment> {
    return this.#ask('establish', session);
  }

  begin(session: SessionNumber): void {
    this.#flows.begin(session);
    this.#calls.begin(session);
  }

  frame(session: SessionNumber, frame: Frame): void {
    this.#calls.frame(session, frame);
    this.#flows.read(session);
  }

  taken(session: SessionNumber, mark: number): void {
    this.#calls.taken(session, mark);
  }

  received(session: SessionNumber, mark: number): void {
    this.#calls.received(session, mark);
  }

  /** The relay's side makes this call itself, by what it hears of the link's progress. */
  writable(): void {
    this.#flows.look();
  }

  closed(session: SessionNumber, reason: string): void {
    this.#flows.forget(session);
    this.#calls.closed(session, reason);
  }
}

/** A view of a large buffer would take all of it along into the other thread. */
function withoutForeignBytes(hello: HelloFacts): HelloFacts {
  const { certificate } = hello;
  return {
    ...hello,
    devicePublic: hello.devicePublic.slice(),
    clientStatic: hello.clientStatic.slice(),
    certificate:
      certificate === undefined
        ? undefined
        : {
            ...certificate,
            publicKey: certificate.publicKey.slice(),
            issuer: certificate.issuer.slice(),
            signature: certificate.signature.slice(),
          },
  };
}
