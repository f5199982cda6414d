import * as fc from 'fast-check';

export const DEVICES = 6;

/** Frames that a device sends into a room without changing who is in it. */
export type Kind = 'msg' | 'key_update' | 'event' | 'offer' | 'hang_up' | 'typing';

/** What a device does to a group. */
export type GroupAct = 'create' | 'invite' | 'remove' | 'quit' | 'promote' | 'join' | 'pause';

export type Action =
  | {
      readonly do: 'send';
      readonly device: number;
      readonly room: number;
      readonly kind: Kind;
      readonly count: number;
      readonly size: number;
    }
  | {
      readonly do: 'group';
      readonly device: number;
      readonly room: number;
      readonly act: GroupAct;
      readonly other: number;
    }
  | {
      readonly do: 'connect';
      readonly device: number;
      readonly confirmAtOnce: boolean;
      readonly slow: boolean;
    }
  /** The device gives its connection up; the server has not noticed, and what is on its way still arrives. */
  | { readonly do: 'abandon'; readonly device: number }
  /** The connection breaks, and what is on its way upstream is lost. */
  | { readonly do: 'break'; readonly device: number }
  | { readonly do: 'again' | 'listen'; readonly device: number }
  | { readonly do: 'confirm'; readonly device: number; readonly back: number }
  /** What waits in a family of the log is refused. */
  | { readonly do: 'refuse'; readonly lane: 'facts' | 'journal' | 'mail' }
  /** A full disk, until it heals or the run ends. */
  | { readonly do: 'fail'; readonly lane: 'facts' | 'journal' | 'mail' }
  | { readonly do: 'heal' | 'crash' | 'restart' }
  | { readonly do: 'pass'; readonly milliseconds: number };

export interface Step {
  readonly action: Action;
  /** How many of the things that wait (disk, network) happen before the next step; `rest`: all of them. */
  readonly after: number | 'rest';
  /** Chooses which of them. */
  readonly pick: number;
}

export interface Plan {
  readonly window: number;
  readonly page: number;
  /** Frames that one mailbox holds. */
  readonly mailbox: number;
  /** Devices have the longest names there are: their letters are large. */
  readonly longNames: boolean;
  /** Devices that confirm at once, one bit each. */
  readonly eager: number;
  /** Seed of what runs first when several things may; none: what was asked for first. */
  readonly order: number | undefined;
  readonly steps: readonly Step[];
}

const device = fc.nat(DEVICES - 1);
const room = fc.nat(5);
const lane = fc.constantFrom('facts' as const, 'journal' as const, 'mail' as const, 'mail' as const);

const send = fc.record({
  do: fc.constant('send' as const),
  device,
  room,
  kind: fc.constantFrom<Kind>(
    'msg',
    'msg',
    'msg',
    'key_update',
    'event',
    'offer',
    'offer',
    'hang_up',
    'typing',
  ),
  count: fc.constantFrom(1, 1, 1, 2, 5, 40),
  size: fc.constantFrom(0, 0, 0, 300, 6_000),
});

const group = fc.record({
  do: fc.constant('group' as const),
  device,
  room,
  act: fc.constantFrom<GroupAct>(
    'create',
    'create',
    'invite',
    'invite',
    'remove',
    'remove',
    'quit',
    'promote',
    'join',
    'join',
    'join',
    'pause',
  ),
  other: device,
});

const network: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      device,
      confirmAtOnce: fc.boolean(),
      slow: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('abandon' as const, 'break' as const), device }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('again' as const, 'listen' as const, 'listen' as const),
      device,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('confirm' as const), device, back: fc.nat(3) }),
  },
);

const trouble: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('refuse' as const), lane }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), lane }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: 'heal' }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'restart' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      milliseconds: fc.constantFrom(600, 600, 61_000, 1_900_000, 3_700_000),
    }),
  },
);

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.oneof(
    { weight: 10, arbitrary: send },
    { weight: 5, arbitrary: group },
    { weight: 8, arbitrary: network },
    { weight: 4, arbitrary: trouble },
  ),
  after: fc.constantFrom<number | 'rest'>(0, 0, 1, 2, 3, 5, 8, 20, 'rest', 'rest'),
  pick: fc.nat(0xffff),
});

export function plans(least: number, most: number): fc.Arbitrary<Plan> {
  return fc.record({
    window: fc.constantFrom(1, 2, 8, 256),
    page: fc.constantFrom(1, 3, 64),
    mailbox: fc.constantFrom(4, 30, 10_000, 10_000),
    longNames: fc.boolean(),
    eager: fc.nat(2 ** DEVICES - 1),
    order: fc.option(fc.nat(), { nil: undefined }),
    steps: fc.array(step, { minLength: least, maxLength: most, size: 'max' }),
  });
}
