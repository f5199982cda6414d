import { type Static, Type } from 'typebox';
import { Flag, list, nullable, oneOf, Text, U8, U16, U32, U64 } from '../schema.ts';

/** How the peers of a call may reach each other: PROTOCOL.md 5.24 (names) and 5.25 (structures). */

export const TRANSPORT_PROTOCOLS = ['udp', 'tcp'] as const;
/** The kinds of ICE candidates (RFC 8445 5.1.1). */
export const ICE_CANDIDATE_TYPES = ['host', 'srflx', 'prflx', 'relay'] as const;
/** The kinds of ICE candidates over TCP (RFC 6544 4.5). */
export const ICE_TCP_CANDIDATE_TYPES = ['active', 'passive', 'so'] as const;

const Protocol = oneOf(TRANSPORT_PROTOCOLS, { default: 'udp' });
const CandidateType = oneOf(ICE_CANDIDATE_TYPES);

/** An address at which a device may be reached. */
export const TransportCandidate = Type.Object({
  address: Text,
  port: U16,
  protocol: Protocol,
  foundation: nullable(Text),
  component: nullable(U8),
  priority: nullable(U32),
  candidate_type: nullable(CandidateType),
  related_address: nullable(Text),
  related_port: nullable(U16),
  tcp_type: nullable(oneOf(ICE_TCP_CANDIDATE_TYPES)),
  sdp_mid: nullable(Text),
  sdp_mline_index: nullable(U16),
  url: nullable(Text),
});

/** A candidate that was told before, named again. */
export const TransportCandidateRef = Type.Object({
  address: Text,
  port: U16,
  protocol: Protocol,
  candidate_type: nullable(CandidateType),
  foundation: nullable(Text),
  priority: nullable(U32),
});

/** How the packets of a call travel. */
export const CallTransport = Type.Object({
  prefer_relay: Flag,
  /** Also accepted under its older name `udp_candidates`. */
  candidates: list(TransportCandidate),
  fingerprints: list(Text),
  ice_credentials: nullable(
    Type.Object({ username_fragment: Text, password: Text, expires_at: nullable(U64) }),
  ),
  trickle: Flag,
  consent_interval_secs: nullable(U16),
});
/** How the packets of a call travel. */
export type CallTransport = Static<typeof CallTransport>;
