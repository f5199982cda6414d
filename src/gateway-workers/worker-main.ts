// The thread of a gateway worker: everything between the network and the relay, which is in another thread.
import { parentPort, workerData } from 'node:worker_threads';
import { sodiumBackend } from '../crypto/index.ts';
import { createGateway, LinkTable } from '../gateway/index.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { createForwardingLogger, createMetrics } from '../telemetry/index.ts';
import { BatchPort } from './batch-port.ts';
import { type Asker, Inquiries } from './inquiries.ts';
import { readLinkCalls } from './link-calls.ts';
import { LinkFlows } from './link-flows.ts';
import type { FromWorker, Question, ToWorker, WorkerSetup } from './messages.ts';
import { RemoteRelay } from './remote-relay.ts';

/** Progress of a link is reported in so many steps on the way to its limit. */
const REPORTS_PER_LIMIT = 8;

function start(parent: NonNullable<typeof parentPort>, setup: WorkerSetup): void {
  const { config } = setup;
  const port = new BatchPort({
    clock: systemClock,
    transfer: (batch) => parent.postMessage(batch, [batch]),
    // What the relay sends is encrypted or dropped while it is read.
    reuse: true,
  });
  const send = (message: FromWorker): void => {
    port.post();
    parent.postMessage(message);
  };
  const answers = new Inquiries();
  const ask: Asker = (name, about) =>
    answers.ask((id) => send({ kind: 'question', id, question: { name, about } as Question }));
  const links = new LinkTable(setup.firstSession, setup.sessionStep);
  const reportEvery = config.limits.sessionBacklogBytes / REPORTS_PER_LIMIT;
  const flows = new LinkFlows({ port, links, clock: systemClock, reportEvery });
  const logger = createForwardingLogger(config.telemetry.logLevel, (line) => send({ kind: 'log', line }));
  const metrics = createMetrics();
  metrics.gaugeFrom('commucat_gateway_relay_pending_bytes', () => port.pending);
  const gateway = createGateway({
    config,
    links,
    relay: new RemoteRelay({ port, flows, ask }),
    backend: sodiumBackend,
    keys: setup.keys,
    authorityPublic: setup.authorityPublic,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics: { ...metrics, expose: () => ask('metrics', undefined) },
    ready: () => ask('ready', undefined),
    connections: () => ask('connections', undefined),
    peerSalt: setup.peerSalt,
    nameKey: setup.nameKey,
    version: setup.version,
    pages: setup.pages,
  });
  const read = (batch: DataView): void => readLinkCalls(batch, flows);

  parent.on('message', (message: ArrayBuffer | ToWorker) => {
    if (message instanceof ArrayBuffer) {
      port.receive(message, read);
      flows.endOfBatch();
      return;
    }
    switch (message.kind) {
      case 'answer':
        answers.answer(message.id, message.answer);
        return;
      case 'noAnswer':
        answers.fail(message.id, message.message);
        return;
      case 'snapshot':
        void metrics.snapshot().then((snapshot) => send({ kind: 'snapshot', id: message.id, snapshot }));
        return;
      case 'reloadCertificate':
        void gateway.reloadCertificate();
        return;
      case 'close':
        void gateway.close(message.deadlineMs).then(() => send({ kind: 'closed' }));
    }
  });
  gateway.listen().then(
    (address) => send({ kind: 'listening', address }),
    (error: NodeJS.ErrnoException) => send({ kind: 'failed', message: error.message, code: error.code }),
  );
}

if (parentPort === null) throw new Error('worker-main is the entry of a worker thread');
start(parentPort, workerData as WorkerSetup);
