/** How frames travel over `/connect`. The value is what `x-commucat-connect-mode` answers. PROTOCOL.md 2.2. */
export type ConnectMode = 'binary' | 'sse' | 'long-poll' | 'websocket';

export interface ModeRequest {
  /** What stands behind the `?` of the target, or an empty string. */
  readonly query: string;
  /** Keys in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** `:protocol` of an extended CONNECT, which is HTTP/2's `Upgrade` (RFC 8441). */
  readonly protocol?: string | undefined;
}

const ALIASES: ReadonlyMap<string, ConnectMode> = new Map([
  ['binary', 'binary'],
  ['stream', 'binary'],
  ['sse', 'sse'],
  ['event-stream', 'sse'],
  ['eventstream', 'sse'],
  ['long-poll', 'long-poll'],
  ['longpoll', 'long-poll'],
  ['poll', 'long-poll'],
  ['websocket', 'websocket'],
  ['ws', 'websocket'],
]);

/** The mode that a request asks for; the first rule that matches decides. PROTOCOL.md 2.2. */
export function connectMode(request: ModeRequest): ConnectMode {
  return (
    modeOfQuery(request.query) ??
    aliasOf(headerOf(request, 'x-connect-mode')) ??
    aliasOf(headerOf(request, 'x-commucat-connect-mode')) ??
    (asksForWebSocket(request) ? 'websocket' : undefined) ??
    (tokensOf(headerOf(request, 'accept')).includes('text/event-stream') ? 'sse' : 'binary')
  );
}

/** Not percent-decoded, as in the reference; a pair with an unknown value is passed over. */
function modeOfQuery(query: string): ConnectMode | undefined {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0) continue;
    const key = pair.slice(0, equals).toLowerCase();
    const mode = key === 'mode' || key === 'transport' ? aliasOf(pair.slice(equals + 1)) : undefined;
    if (mode !== undefined) return mode;
  }
  return undefined;
}

function aliasOf(value: string): ConnectMode | undefined {
  return ALIASES.get(value.trim().toLowerCase());
}

function asksForWebSocket(request: ModeRequest): boolean {
  if (request.protocol !== undefined) return request.protocol === 'websocket';
  return (
    headerOf(request, 'upgrade').toLowerCase() === 'websocket' &&
    tokensOf(headerOf(request, 'connection')).includes('upgrade')
  );
}

function tokensOf(list: string): readonly string[] {
  return list.split(',').map((token) => token.trim().toLowerCase());
}

function headerOf({ headers }: ModeRequest, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.join(',') ?? '');
}
