import {
  choice,
  type Form,
  flag,
  integer,
  type Key,
  networks,
  optionalText,
  path,
  requiredPath,
  requiredText,
  text,
} from './key.ts';
import { limitKeys } from './limit-keys.ts';

const ADDRESS =
  '(\\[[0-9a-fA-F:.]+(%[\\w.-]+)?\\]|[^\\s:\\[\\]]+):(6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]\\d{4}|\\d{1,4})';
const HOST_PORT: Form = {
  pattern: `^${ADDRESS}$`,
  description:
    'host:port, an IPv6 address in brackets, a link-local one with its zone as in [fe80::1%eth0]:8443, port 0 for any free port',
};
const HOST_PORT_OR_NONE: Form = {
  pattern: `^(none|${ADDRESS})$`,
  description: 'host:port, an IPv6 address in brackets, port 0 for any free port, or "none"',
};
const DOMAIN: Form = {
  pattern: '^[^\\s/@,;]{1,253}$',
  description: 'a domain of 1 to 253 characters without space, "/", "@", "," and ";"',
};
const HEX_32: Form = { pattern: '^[0-9a-fA-F]{64}$', description: '64 hexadecimal digits (32 bytes)' };
const SEED: Form = {
  pattern: '^([0-9a-fA-F]{2}){32,1024}$',
  description: 'an even number of hexadecimal digits, 64 or more (32 bytes or more)',
};
const POSTGRES: Form = {
  pattern: '^(none|postgres(ql)?://\\S+)$',
  description: 'a URL that starts with postgres:// or postgresql://, or "none"',
};
const PROLOGUE: Form = { pattern: '^[\\s\\S]{0,1024}$', description: 'a text of at most 1024 characters' };

/** Where operators look when `server.operator_bind` is absent. */
export const OPERATOR_DEFAULT = '127.0.0.1:9464';

const MIB = 1_048_576;
const YEAR_SECONDS = 31_536_000;

/**
 * Every key of `commucat.toml`, once: the loader, the type `Config`, the error texts and `docs/configuration.md` come
 * from this table. A key's name in the file is its name here in snake case.
 */
export const SCHEMA = {
  server: {
    section: 'server',
    doc: 'The listener, and who may use it.',
    keys: {
      bind: text(HOST_PORT, '0.0.0.0:8443', 'Address of the TLS listener.', { env: 'COMMUCAT_BIND' }),
      tlsCert: requiredPath('PEM file: the certificate and its chain.', { env: 'COMMUCAT_TLS_CERT' }),
      tlsKey: requiredPath('PEM file: the private key of the certificate.', { env: 'COMMUCAT_TLS_KEY' }),
      tlsMinVersion: choice(
        ['1.2', '1.3'],
        '1.3',
        'Oldest TLS version. With "1.2", only cipher suites with forward secrecy and authenticated encryption are offered.',
      ),
      plainBind: optionalText(
        HOST_PORT,
        'Address of a second listener without TLS, for a proxy in front that ends TLS: HTTP/1.1, and HTTP/2 with prior knowledge. It serves only peers on this machine and the addresses of the next two keys, and must be a loopback address when both are empty. See docs/proxies.md. Absent: there is none.',
      ),
      operatorBind: optionalText(
        HOST_PORT_OR_NONE,
        `Address of a listener for operators alone, HTTP/1.1 without TLS and without limits by address: \`/metrics\`, \`/healthz\`, \`/readyz\`. Whoever reaches it can read all metrics: keep it on loopback or on a network of its own. Absent: ${OPERATOR_DEFAULT} if that is free. "none": there is none.`,
      ),
      proxyProtocolFrom: networks(
        'Proxies that begin each connection with a PROXY protocol header, version 1 or 2. From these addresses the header is required, from all others it is refused.',
      ),
      forwardedFrom: networks(
        'Proxies whose `forwarded_header` names the client. From all other addresses that header is ignored.',
      ),
      forwardedHeader: choice(
        ['x-forwarded-for', 'forwarded'],
        'x-forwarded-for',
        'The one header that these proxies write; the other is never read.',
      ),
      domain: requiredText(
        DOMAIN,
        'Name of this server in handles and in the proof of the device key; compared case-sensitively. Changing it locks out clients that know the old one.',
        { env: 'COMMUCAT_DOMAIN' },
      ),
      keepalive: integer(
        60,
        [1, YEAR_SECONDS],
        'Lifetime of a session token, in seconds. Half of it, at least 5, is published as the keepalive interval.',
        {
          env: 'COMMUCAT_KEEPALIVE',
        },
      ),
      autoApproveDevices: flag(
        false,
        'Whether an unknown device that names no existing user gets a new user at its first handshake.',
        { env: 'COMMUCAT_AUTO_APPROVE_DEVICES' },
      ),
      maxAutoDevicesPerUser: integer(
        1,
        [0, 1_000_000],
        'Devices of one user that auto-approval may have created; 0: no limit.',
        {
          env: 'COMMUCAT_MAX_AUTO_DEVICES',
        },
      ),
      shutdownTimeoutMs: integer(
        10_000,
        [0, 600_000],
        'Time that SIGTERM gives open sessions to take what is queued, in milliseconds.',
      ),
      workers: integer(
        0,
        [0, 64],
        'Threads that do TLS, HTTP and Noise beside the one that keeps the log; 0: one thread does everything. More needs Linux and Node.js 23.1 or later, and changes what limits mean: docs/workers.md.',
      ),
      ...limitKeys('server'),
      drainDelayMs: integer(
        0,
        [0, 600_000],
        'Time between SIGTERM and the end of accepting, in milliseconds. `/readyz` says 503 meanwhile, so that a load balancer can turn away first.',
      ),
    },
  },
  storage: {
    section: 'storage',
    doc: 'Where the server keeps what it must not lose, and its read models.',
    keys: {
      dataDir: path(
        '.commucat',
        'file',
        'Folder of the log, of generated keys and of the embedded Postgres.',
      ),
      postgresDsn: optionalText(
        POSTGRES,
        'Postgres for the read models. Absent: a Postgres that this server starts below `data_dir`. "none": no read models; messages flow without them.',
        { env: 'COMMUCAT_PG_DSN', secret: true },
      ),
    },
  },
  log: {
    section: 'log',
    doc: 'The event log.',
    keys: {
      segmentBytes: integer(
        64 * MIB,
        [MIB, 1024 * MIB],
        'Size of one segment file. A larger one is dropped later, a smaller one more often.',
      ),
    },
  },
  crypto: {
    section: 'crypto',
    doc: 'Long-lived keys. Those that are not given here are created in files with mode 0600 at the first start.',
    keys: {
      noisePrivate: optionalText(
        HEX_32,
        'X25519 private key of the tunnel. With `noise_public`, instead of `noise_key_file`.',
        {
          env: 'COMMUCAT_NOISE_PRIVATE',
          secret: true,
        },
      ),
      noisePublic: optionalText(HEX_32, 'X25519 public key that belongs to `noise_private`.', {
        env: 'COMMUCAT_NOISE_PUBLIC',
      }),
      noiseKeyFile: path('noise-keys.jsonl', 'data_dir', 'File of the tunnel keys, all versions in use.'),
      federationSeed: optionalText(
        SEED,
        'Seed of the Ed25519 key that signs device certificates, instead of `federation_seed_file`.',
        {
          env: 'COMMUCAT_FEDERATION_SEED',
          secret: true,
        },
      ),
      federationSeedFile: path('federation-seed', 'data_dir', 'File with that seed, in hexadecimal digits.'),
      prologue: text(PROLOGUE, 'commucat', 'Noise prologue; clients must know the same one.', {
        env: 'COMMUCAT_NOISE_PROLOGUE',
      }),
    },
  },
  limits: {
    section: 'limits',
    doc: 'What connections, sessions, devices and channels may use; `docs/limits.md` has all limits.',
    keys: {
      presenceTtl: integer(30, [1, 86_400], 'Seconds that a presence entry outlives its last refresh.', {
        env: 'COMMUCAT_PRESENCE_TTL',
      }),
      pairingTtl: integer(
        300,
        [1, 86_400],
        'Lifetime of a pairing code in seconds, published in `/api/server-info`.',
        {
          env: 'COMMUCAT_PAIRING_TTL',
        },
      ),
      ...limitKeys('limits'),
    },
  },
  channels: {
    section: 'channels',
    doc: 'Who may put whom into a channel.',
    keys: {
      reach: choice(
        ['joined', 'friends', 'anyone'],
        'joined',
        'Whose listing makes a device a member at once: nobody\'s ("joined": its own JOIN does), that of a friend, or that of anybody.',
      ),
      openRooms: choice(
        ['never', 'compat', 'always'],
        'compat',
        'Who may open and join a channel by naming only itself: nobody, plaintext sessions of the older generation, or everybody.',
      ),
    },
  },
  compat: {
    section: 'compat',
    doc: 'Clients of older generations.',
    keys: {
      plaintextClients: flag(
        false,
        'Whether clients of the older generation, whose frames only TLS protects, are served. Each such session is logged and counted.',
      ),
    },
  },
  rateLimit: {
    section: 'security.rate_limit',
    doc: 'Requests per address (IPv6: per /64) before it is refused for a while. `connect`: `/connect`; `http`: every other path.',
    keys: limitKeys('rateLimit'),
  },
  telemetry: {
    section: 'telemetry',
    doc: 'What the server tells its operator.',
    keys: {
      logLevel: choice(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
        'info',
        'Least severe log lines that are written.',
      ),
    },
  },
} as const satisfies Record<string, Section>;

export interface Section {
  /** Its name in the file. */
  readonly section: string;
  readonly doc: string;
  readonly keys: Readonly<Record<string, Key>>;
}

/** `maxAutoDevices` -> `max_auto_devices`. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A row of the table with the names that it has outside the code. */
export interface KeyRow {
  /** Property names in `Config`. */
  readonly field: readonly [section: string, key: string];
  readonly section: string;
  /** In the file, below `[section]`. */
  readonly name: string;
  /** `section.name`, as in `--set` and in errors. */
  readonly fullName: string;
  readonly env: string;
  readonly definition: Key;
}

export function keyRows(): readonly KeyRow[] {
  return Object.entries(SCHEMA).flatMap(([sectionField, { section, keys }]) =>
    Object.entries<Key>(keys).map(([keyField, definition]) => {
      const name = snakeCase(keyField);
      const fullName = `${section}.${name}`;
      const env = definition.env ?? `COMMUCAT_${fullName.replaceAll('.', '_').toUpperCase()}`;
      return { field: [sectionField, keyField], section, name, fullName, env, definition } as const;
    }),
  );
}
