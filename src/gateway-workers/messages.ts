import type { Config } from '../config/index.ts';
import type { HttpAnswer, ListenerAddress } from '../gateway/index.ts';
import type { NoiseKey } from '../keys/index.ts';
import type { Establishment, HelloFacts, Resolution, SessionNumber } from '../relay-port/relay-port.ts';
import type { LogLine, MetricsSnapshot } from '../telemetry/index.ts';

/** What a gateway worker is started with. */
export interface WorkerSetup {
  readonly config: Config;
  /** The Noise keys, newest first. They stay within the process. */
  readonly keys: readonly NoiseKey[];
  readonly authorityPublic: Uint8Array;
  readonly version: string;
  /** Session numbers of this worker: `firstSession`, `firstSession + sessionStep`, … */
  readonly firstSession: SessionNumber;
  readonly sessionStep: number;
  /** Names devices and users in logs. */
  readonly nameKey: Uint8Array | undefined;
  /** So that the name of a peer in logs is the same in all workers. */
  readonly peerSalt: Uint8Array;
  /** Documents to serve beside the server's own routes, by path. */
  readonly pages: ReadonlyMap<string, HttpAnswer> | undefined;
}

/** What a worker asks, and what it is answered. */
export interface Questions {
  readonly resolve: { readonly about: HelloFacts; readonly answer: Resolution };
  readonly establish: { readonly about: SessionNumber; readonly answer: Establishment };
  /** For `/readyz`. */
  readonly ready: { readonly about: undefined; readonly answer: boolean };
  /** The page of `/metrics`, all threads together. */
  readonly metrics: { readonly about: undefined; readonly answer: string };
  /** Sessions of all workers, for `/healthz`. */
  readonly connections: { readonly about: undefined; readonly answer: number };
}

export type QuestionName = keyof Questions;

/** A question and what it is about, for each of them. */
export type Question = {
  readonly [Q in QuestionName]: { readonly name: Q; readonly about: Questions[Q]['about'] };
}[QuestionName];

/** Everything that is rare and therefore no part of a batch. Sent behind the batch that was open. */
export type FromWorker =
  | { readonly kind: 'listening'; readonly address: ListenerAddress }
  /** The worker cannot listen, and ends. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly kind: 'question'; readonly id: number; readonly question: Question }
  | { readonly kind: 'snapshot'; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly kind: 'log'; readonly line: LogLine }
  /** All sessions are gone. */
  | { readonly kind: 'closed' };

export type ToWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Questions[QuestionName]['answer'] }
  | { readonly kind: 'noAnswer'; readonly id: number; readonly message: string }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'reloadCertificate' }
  | { readonly kind: 'close'; readonly deadlineMs: number };
