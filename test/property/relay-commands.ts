import * as fc from 'fast-check';

/** Devices by number; what each announces stands in `relay-run.ts`. */
export const DEVICES = 5;

export type Command = { readonly wait: boolean } & (
  | { readonly do: 'connect'; readonly device: number; readonly confirmAtOnce: boolean }
  | { readonly do: 'drop'; readonly device: number; readonly clean: boolean }
  | { readonly do: 'join'; readonly device: number; readonly channel: number; readonly named: number }
  | { readonly do: 'leave'; readonly device: number; readonly channel: number }
  | {
      readonly do: 'send';
      readonly device: number;
      readonly channel: number;
      readonly count: number;
      readonly size: number;
      readonly type: 'msg' | 'key_update' | 'typing';
    }
  | { readonly do: 'joinAndSend'; readonly device: number; readonly channel: number; readonly named: number }
  | {
      readonly do: 'sendAndLose';
      readonly device: number;
      readonly channel: number;
      readonly reached: number;
    }
  | { readonly do: 'sendAgain'; readonly device: number }
  | { readonly do: 'deaf' | 'carry' | 'takeOne' | 'listen'; readonly device: number }
  | { readonly do: 'confirm'; readonly device: number; readonly back: number }
  | { readonly do: 'pass'; readonly milliseconds: number }
  /** Ends by itself after so many commands. */
  | {
      readonly do: 'hold';
      readonly what: 'mail' | 'all';
      readonly commands: number;
      readonly refusing: boolean;
    }
  | { readonly do: 'fail'; readonly commands: number }
  | { readonly do: 'crash' | 'restart' }
);

export interface Plan {
  readonly window: number;
  readonly page: number;
  /** Counters of all devices begin shortly before their wrap. */
  readonly wrap: boolean;
  /** Devices that confirm what they have as soon as they have it, one bit each. */
  readonly eager: number;
  /** Seed of what runs first when several things may; none: what was asked for first. */
  readonly order: number | undefined;
  readonly commands: readonly Command[];
}

const device = fc.nat(DEVICES - 1);
/** Everybody is in channel 1 from the start. */
const channel = fc.constantFrom(1, 1, 1, 2);
const named = fc.nat(2 ** DEVICES - 1);
const wait = fc.boolean();

const sends = fc.record({
  do: fc.constant('send' as const),
  wait,
  device,
  channel,
  count: fc.integer({ min: 1, max: 6 }),
  size: fc.constantFrom(0, 0, 0, 9_000, 30_000),
  type: fc.constantFrom(
    'msg' as const,
    'msg' as const,
    'msg' as const,
    'key_update' as const,
    'typing' as const,
  ),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: sends, weight: 16 },
  {
    arbitrary: fc.record({ do: fc.constant('connect' as const), wait, device, confirmAtOnce: fc.boolean() }),
    weight: 12,
  },
  {
    arbitrary: fc.record({ do: fc.constant('drop' as const), wait, device, clean: fc.boolean() }),
    weight: 4,
  },
  { arbitrary: fc.record({ do: fc.constant('join' as const), wait, device, channel, named }), weight: 4 },
  {
    arbitrary: fc.record({ do: fc.constant('joinAndSend' as const), wait, device, channel, named }),
    weight: 3,
  },
  { arbitrary: fc.record({ do: fc.constant('leave' as const), wait, device, channel }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant('sendAndLose' as const),
      wait,
      device,
      channel,
      reached: fc.integer({ min: 0, max: 3 }),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ do: fc.constant('sendAgain' as const), wait, device }), weight: 2 },
  {
    arbitrary: fc.record({
      do: fc.constantFrom('deaf' as const, 'carry' as const, 'takeOne' as const, 'listen' as const),
      wait,
      device,
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('confirm' as const),
      wait,
      device,
      back: fc.integer({ min: 0, max: 3 }),
    }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      wait,
      milliseconds: fc.constantFrom(100, 600, 600, 61_000, 1_900_000, 3_700_000),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      wait,
      what: fc.constantFrom('mail' as const, 'all' as const),
      commands: fc.integer({ min: 1, max: 8 }),
      refusing: fc.boolean(),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      wait,
      commands: fc.integer({ min: 1, max: 6 }),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'restart' as const), wait }),
    weight: 2,
  },
);

export const plan: fc.Arbitrary<Plan> = fc.record({
  window: fc.constantFrom(1, 2, 4, 256),
  page: fc.constantFrom(1, 3, 64),
  wrap: fc.boolean(),
  eager: fc.nat(2 ** DEVICES - 1),
  order: fc.option(fc.nat(), { nil: undefined }),
  commands: fc.array(command, { minLength: 10, maxLength: 60, size: 'max' }),
});
