import { LinkTable } from '../../src/gateway/index.ts';
import { BatchPort } from '../../src/gateway-workers/batch-port.ts';
import { type Asker, Inquiries } from '../../src/gateway-workers/inquiries.ts';
import { readLinkCalls } from '../../src/gateway-workers/link-calls.ts';
import { LinkFlows } from '../../src/gateway-workers/link-flows.ts';
import { type RelayCalls, readRelayCalls } from '../../src/gateway-workers/relay-calls.ts';
import { RemoteLinks, remoteWorker } from '../../src/gateway-workers/remote-links.ts';
import { RemoteRelay } from '../../src/gateway-workers/remote-relay.ts';
import type { HelloFacts, RelayPort, SessionNumber } from '../../src/relay-port/relay-port.ts';
import { FULL_AT, type PortUnderTest } from './port.contract.ts';
import { Scheduler } from './scheduler.ts';

const REPORTS_PER_LIMIT = 8;

/** The boundary as gateway workers have it, both ends in one thread: batches cross it a turn later, as copies that the other owns. */
export function batchedPort(relay: RelayPort): PortUnderTest {
  const clock = new Scheduler();
  const cross = (receive: (batch: ArrayBuffer) => void) => (batch: ArrayBuffer) => {
    const crossed = structuredClone(batch, { transfer: [batch] });
    clock.soon(() => receive(crossed));
  };
  const table = new LinkTable();
  const remote = new RemoteLinks(FULL_AT);
  const workerPort = new BatchPort({ clock, transfer: cross((batch) => fromWorker(batch)), reuse: true });
  const worker = remoteWorker(new BatchPort({ clock, transfer: cross((batch) => toWorker(batch)) }));
  const flows = new LinkFlows({
    port: workerPort,
    links: table,
    clock,
    reportEvery: FULL_AT / REPORTS_PER_LIMIT,
  });
  const calls: RelayCalls = {
    begin: (session) => relay.begin(session),
    frame: (session, frame) => relay.frame(session, frame),
    taken: (session, mark) => relay.taken(session, mark),
    received: (session, mark) => relay.received(session, mark),
    closed: (session, reason) => {
      remote.close(session);
      relay.closed(session, reason);
    },
    passed: (session, bytes) => remote.passed(session, bytes, relay),
  };
  const fromWorker = (batch: ArrayBuffer): void => {
    worker.port.receive(batch, (view) => readRelayCalls(view, calls));
    remote.progressed(worker, relay);
  };
  const toWorker = (batch: ArrayBuffer): void => {
    workerPort.receive(batch, (view) => readLinkCalls(view, flows));
    flows.endOfBatch();
  };
  const answers = new Inquiries();
  const answer = (name: string, about: unknown): Promise<unknown> => {
    if (name !== 'resolve') return relay.establish(about as SessionNumber);
    const hello = about as HelloFacts;
    remote.open(hello.session, worker);
    return relay.resolve(hello);
  };
  const ask: Asker = (name, about) => {
    return answers.ask((id) => {
      workerPort.post();
      const crossed = structuredClone(about);
      clock.soon(() => {
        answer(name, crossed).then(
          (found) => {
            worker.port.post();
            clock.soon(() => answers.answer(id, found));
          },
          (error: Error) => clock.soon(() => answers.fail(id, error.message)),
        );
      });
    });
  };
  return {
    links: remote,
    relay: new RemoteRelay({ port: workerPort, flows, ask }),
    open: (session, endpoint) => table.set(session, endpoint),
    remove: (session) => table.delete(session),
    // Links that are behind are looked at every few milliseconds.
    settle: () => clock.advance(50),
  };
}
