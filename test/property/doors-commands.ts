import * as fc from 'fast-check';
import { DOORS } from '../kit/doors.ts';

export const DOOR_DEVICES = 5;
/** Plain channels; everybody is in the first from the start. */
export const PLAIN = [1, 2] as const;
/** The number of the group. */
export const GROUP_CHANNEL = 9;

export type DoorCommand = { readonly device: number } & (
  | { readonly do: 'connect'; readonly door: number; readonly confirmAtOnce: boolean }
  | {
      readonly do:
        | 'drop'
        | 'logOut'
        | 'sendAgain'
        | 'leaveGroup'
        | 'pauseGroup'
        | 'enterGroup'
        | 'createGroup';
    }
  | { readonly do: 'invite' | 'remove'; readonly other: number; readonly admin: boolean }
  | { readonly do: 'join'; readonly channel: number; readonly named: number }
  | { readonly do: 'leave'; readonly channel: number }
  | { readonly do: 'send'; readonly channel: number; readonly count: number; readonly size: number }
  | { readonly do: 'sendAndLose'; readonly channel: number }
  | { readonly do: 'confirm'; readonly back: number }
  | { readonly do: 'wait'; readonly milliseconds: number }
  | { readonly do: 'restart' }
);

const device = fc.nat(DOOR_DEVICES - 1);
const door = fc.nat(DOORS.length - 1);
const channel = fc.constantFrom(1, 1, 2, GROUP_CHANNEL, GROUP_CHANNEL);

const simple = fc.record({
  device,
  do: fc.constantFrom(
    'drop' as const,
    'drop' as const,
    'logOut' as const,
    'sendAgain' as const,
    'leaveGroup' as const,
    'pauseGroup' as const,
    'enterGroup' as const,
    'enterGroup' as const,
    'createGroup' as const,
  ),
});

const command: fc.Arbitrary<DoorCommand> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      device,
      do: fc.constant('send' as const),
      channel,
      count: fc.integer({ min: 1, max: 5 }),
      size: fc.constantFrom(0, 0, 700, 30_000),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({ device, do: fc.constant('connect' as const), door, confirmAtOnce: fc.boolean() }),
  },
  { weight: 9, arbitrary: simple },
  {
    weight: 4,
    arbitrary: fc.record({
      device,
      do: fc.constantFrom('invite' as const, 'invite' as const, 'remove' as const),
      other: device,
      admin: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      device,
      do: fc.constant('join' as const),
      channel: fc.constantFrom(...PLAIN),
      named: fc.nat(2 ** DOOR_DEVICES - 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ device, do: fc.constant('leave' as const), channel: fc.constantFrom(...PLAIN) }),
  },
  { weight: 3, arbitrary: fc.record({ device, do: fc.constant('sendAndLose' as const), channel }) },
  {
    weight: 3,
    arbitrary: fc.record({ device, do: fc.constant('confirm' as const), back: fc.nat(3) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      device,
      do: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(1, 5, 20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ device, do: fc.constant('restart' as const) }) },
);

export interface DoorPlan {
  /** The door of each device's first connection. */
  readonly doors: readonly number[];
  readonly eager: number;
  readonly commands: readonly DoorCommand[];
}

export const doorPlan: fc.Arbitrary<DoorPlan> = fc.record({
  doors: fc.array(door, { minLength: DOOR_DEVICES, maxLength: DOOR_DEVICES }),
  eager: fc.nat(2 ** DOOR_DEVICES - 1),
  commands: fc.array(command, { minLength: 15, maxLength: 50, size: 'max' }),
});
