/**
 * Keys of the reference server that mean nothing here (yet). A file that has them boots, with a warning. A name that ends
 * in `.*` covers all keys of a section and of those below it.
 */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  'storage.redis_url': 'presence is kept in process',
  'crypto.pq_kem_public': 'post-quantum keys are not used',
  'crypto.pq_kem_secret': 'post-quantum keys are not used',
  'federation.*': 'federation is not available',
  'ledger.*': 'the event log is the ledger',
  'uploads.*': 'uploads are not available',
  'admin.*': 'there are no admin tokens; /metrics answers on loopback only',
  'transport.*': 'camouflage is not available',
  'ice.*': 'the server offers no ICE and no TURN',
  'security.rate_limit.pairing_burst': 'pairing is not available',
  'security.rate_limit.pairing_window_ms': 'pairing is not available',
  'security.rate_limit.pairing_penalty_ms': 'pairing is not available',
  'security.rotation.*': 'keys are not rotated by time',
  'rotation.device.*': 'device keys are not rotated over REST',
};

/** The environment variables of the reference that belong to those keys. */
const UNSUPPORTED_ENV: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^COMMUCAT_REDIS_URL$/, 'presence is kept in process'],
  [/^COMMUCAT_PQ_KEM_(PUBLIC|SECRET)$/, 'post-quantum keys are not used'],
  [/^COMMUCAT_FEDERATION_PEERS$/, 'federation is not available'],
  [/^COMMUCAT_LEDGER(_TARGET)?$/, 'the event log is the ledger'],
  [/^COMMUCAT_UPLOADS_(DIR|BASE_URL)$/, 'uploads are not available'],
  [/^COMMUCAT_ADMIN_TOKEN$/, 'there are no admin tokens; /metrics answers on loopback only'],
  [/^COMMUCAT_REALITY_(CERT|FINGERPRINT)$/, 'camouflage is not available'],
  [
    /^COMMUCAT_ICE_(LITE_ENABLED|LITE_BIND|LITE_PUBLIC_ADDRESS|TURN_TTL)$/,
    'the server offers no ICE and no TURN',
  ],
  [/^COMMUCAT_RATE_PAIRING_(BURST|WINDOW_MS|PENALTY_MS)$/, 'pairing is not available'],
  [/^COMMUCAT_ROTATE_(NOISE|ADMIN)_[A-Z_]+$/, 'keys are not rotated by time'],
  [/^COMMUCAT_ROTATION_DEVICE_[A-Z_]+$/, 'device keys are not rotated over REST'],
];

/** Keys come from outside: some are also names of what every object has. */
const reasonOf = (name: string): string | undefined =>
  Object.hasOwn(UNSUPPORTED, name) ? UNSUPPORTED[name] : undefined;

/** Why a key of the reference has no effect; `undefined` for keys that the reference does not have either. */
export function unsupportedKey(fullName: string): string | undefined {
  const exact = reasonOf(fullName);
  if (exact !== undefined) return exact;
  const parts = fullName.split('.');
  for (let length = parts.length - 1; length > 0; length -= 1) {
    const why = reasonOf(`${parts.slice(0, length).join('.')}.*`);
    if (why !== undefined) return why;
  }
  return undefined;
}

export function unsupportedVariable(name: string): string | undefined {
  return UNSUPPORTED_ENV.find(([pattern]) => pattern.test(name))?.[1];
}

/** Whether `[section]` may stand in a file because the reference has it. */
export function isUnsupportedSection(section: string): boolean {
  return unsupportedKey(`${section}.any`) !== undefined || sectionOnTheWay(section);
}

function sectionOnTheWay(section: string): boolean {
  return Object.keys(UNSUPPORTED).some((name) => name.endsWith('.*') && name.startsWith(`${section}.`));
}

/** For the documentation. */
export function unsupportedReasons(): readonly (readonly [name: string, why: string])[] {
  return Object.entries(UNSUPPORTED);
}
