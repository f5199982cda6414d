import type { Http2Session } from 'node:http2';

type Answer = (received: boolean) => void;

/** The questions of one connection: those that the PING on its way asks, and those behind it. */
interface Round {
  asked: Answer[];
  waiting: Answer[];
  inFlight: boolean;
}

const rounds = new WeakMap<Http2Session, Round>();

/**
 * Asks the peer's HTTP/2 stack whether it has what was written before. All streams of a connection share its PINGs, and
 * one is on its way at a time: a peer need not answer more than a few, and Node.js refuses to send them.
 *
 * @param done called once: true when the peer has answered, false when the connection is gone
 */
export function askByPing(session: Http2Session, done: Answer): void {
  let round = rounds.get(session);
  if (round === undefined) {
    round = { asked: [], waiting: [], inFlight: false };
    rounds.set(session, round);
  }
  round.waiting.push(done);
  if (!round.inFlight) send(session, round);
}

function send(session: Http2Session, round: Round): void {
  round.asked = round.waiting;
  round.waiting = [];
  round.inFlight = true;
  // A PING that cannot be sent is reported by the return value, by the callback, or by both.
  const sent = !session.destroyed && session.ping((error) => answer(session, round, error === null));
  if (!sent) answer(session, round, false);
}

function answer(session: Http2Session, round: Round, received: boolean): void {
  if (!round.inFlight) return;
  round.inFlight = false;
  const { asked } = round;
  round.asked = [];
  for (const done of asked) done(received);
  if (!round.inFlight && round.waiting.length > 0) send(session, round);
}
