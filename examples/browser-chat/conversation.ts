/** What the two sides of a conversation agree on. It lives as long as its tab, reloads included. */
export interface Conversation {
  /** Our device. */
  readonly self: string;
  /** The other device: an id that exists before the device does, so that both sides can name each other in their JOIN. */
  readonly peer: string;
  /** 32 bytes in base64url: what is said is encrypted under it. */
  readonly key: string;
  /** Whether we were invited, and so have to say that we are here. */
  readonly guest: boolean;
}

const KEPT_AS = 'conversation';
const ID_BYTES = 16;
const KEY_BYTES = 32;

/** The conversation of this tab: the one that the address invites to, the one before the reload, or a new one. */
export async function openConversation(): Promise<Conversation> {
  const invitation = invitationIn(location.hash);
  if (invitation !== undefined) {
    // An invitation is for one device: nobody shall copy it from the address bar afterwards.
    history.replaceState(undefined, '', location.pathname);
    if (!(await claim(invitation.self))) throw new Error('This invitation is open in another tab.');
    return keep(invitation);
  }
  const kept = sessionStorage.getItem(KEPT_AS);
  const former = kept === null ? undefined : (JSON.parse(kept) as Conversation);
  // A browser gives a duplicate of a tab the storage of its original.
  if (former !== undefined && (await claim(former.self))) return former;
  const conversation = { self: randomId(), peer: randomId(), key: encode(random(KEY_BYTES)), guest: false };
  await claim(conversation.self);
  return keep(conversation);
}

/** The address at which the other side takes part. */
export function invitationTo({ self, peer, key }: Conversation): string {
  const facts = new URLSearchParams({ to: self, as: peer, key });
  return `${location.origin}${location.pathname}#${facts}`;
}

/** The key of a conversation, for WebCrypto. */
export function keyOf({ key }: Conversation): Promise<CryptoKey> {
  const bytes = Uint8Array.from(atob(key.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

function invitationIn(hash: string): Conversation | undefined {
  const facts = new URLSearchParams(hash.slice(1));
  const [peer, self, key] = [facts.get('to'), facts.get('as'), facts.get('key')];
  return peer === null || self === null || key === null ? undefined : { self, peer, key, guest: true };
}

function keep(conversation: Conversation): Conversation {
  sessionStorage.clear();
  sessionStorage.setItem(KEPT_AS, JSON.stringify(conversation));
  return conversation;
}

/** Whether this tab is the only one with the device; it stays so until the tab is closed. */
function claim(device: string): Promise<boolean> {
  return new Promise((resolve) => {
    void navigator.locks.request(`device ${device}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    });
  });
}

function randomId(): string {
  return `demo-${encode(random(ID_BYTES))}`;
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function encode(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
