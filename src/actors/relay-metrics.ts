import { FRAME } from '../protocol/frames/frame-types.ts';
import { frameCounters, type Logger, type Metrics, refusalCounters } from '../telemetry/index.ts';
import type { RelayEvents } from './runtime/relay-events.ts';

/** Turns what the relay reports into metrics and log lines. */
export function meterRelay(metrics: Metrics, logger: Logger): RelayEvents {
  const ingress = frameCounters(metrics, 'commucat_frames_ingress');
  const withheld = frameCounters(metrics, 'commucat_frames_withheld_total');
  const dropped = frameCounters(metrics, 'commucat_frames_dropped_total');
  const refusals = refusalCounters(metrics);
  const posted = metrics.counter('commucat_relay_posted_total');
  const enqueued = metrics.counter('commucat_relay_enqueued');
  const forNobody = metrics.counter('commucat_relay_for_nobody_total');
  const delivered = metrics.counter('commucat_relay_delivered_total');
  const redelivered = metrics.counter('commucat_relay_redelivered_total');
  const expired = metrics.counter('commucat_relay_expired_total');
  const plaintextSessions = metrics.counter('commucat_plaintext_sessions_total');
  const connections = {
    records: metrics.gauge('commucat_connections_active', { generation: 'records' }),
    plaintext: metrics.gauge('commucat_connections_active', { generation: 'plaintext' }),
  };
  const of = (plaintext: boolean) => connections[plaintext ? 'plaintext' : 'records'];
  const calls = metrics.counter('commucat_calls_total');
  const voice = metrics.counter('commucat_call_voice_frames');
  const video = metrics.counter('commucat_call_video_frames');
  return {
    sessionOpened(_id, plaintext) {
      of(plaintext).add();
      if (plaintext) plaintextSessions.add();
    },
    sessionClosed(_id, plaintext, reason) {
      of(plaintext).add(-1);
      metrics.counter('commucat_sessions_closed_total', { reason }).add();
    },
    frameReceived(type) {
      ingress[type]?.add();
      if (type === FRAME.VOICE_FRAME) {
        voice.add();
      } else if (type === FRAME.VIDEO_FRAME) {
        video.add();
      }
    },
    callOffered: () => calls.add(),
    frameRefused: (code) => refusals.errorSent(code),
    limitReached: (limit) => refusals.limitReached(limit),
    posted(letters, recipients) {
      posted.add(letters);
      enqueued.add(recipients);
    },
    storedForNobody: () => forNobody.add(),
    sent: (_type, redelivery) => {
      if (redelivery) redelivered.add();
    },
    delivered: (letters) => delivered.add(letters),
    expired: (letters) => expired.add(letters),
    withheld: (type) => withheld[type]?.add(),
    dropped: (type) => dropped[type]?.add(),
    failed(what, error) {
      logger.error({ what, err: error }, 'relay failure');
    },
  };
}
