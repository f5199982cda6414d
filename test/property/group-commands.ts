import * as fc from 'fast-check';

export const GROUP_DEVICES = 5;

/** `device` is who acts; `target` whom it is about. */
export type GroupAction =
  | { readonly do: 'create'; readonly members: number; readonly admins: number }
  | { readonly do: 'invite'; readonly target: number; readonly role: string }
  | { readonly do: 'join' }
  | { readonly do: 'leave' }
  | { readonly do: 'quit' }
  | { readonly do: 'say' }
  | { readonly do: 'reconnect' }
  | { readonly do: 'remove'; readonly target: number }
  | { readonly do: 'change'; readonly target: number; readonly role: string };

export type GroupStep =
  | { readonly do: 'crash' }
  | { readonly do: 'restart' }
  | {
      readonly do: 'act';
      /** Whether everything comes to rest before the next step. */
      readonly wait: boolean;
      readonly device: number;
      readonly group: number;
      readonly action: GroupAction;
    };

const target = fc.nat(GROUP_DEVICES - 1);
const mask = fc.nat(2 ** GROUP_DEVICES - 1);
const role = fc.constantFrom('owner', 'admin', 'member', 'member');
const action: fc.Arbitrary<GroupAction> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('create' as const), members: mask, admins: mask }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('invite' as const), target, role }), weight: 6 },
  { arbitrary: fc.constant({ do: 'join' } as const), weight: 8 },
  { arbitrary: fc.constant({ do: 'say' } as const), weight: 10 },
  { arbitrary: fc.constant({ do: 'leave' } as const), weight: 2 },
  { arbitrary: fc.constant({ do: 'quit' } as const), weight: 2 },
  { arbitrary: fc.constant({ do: 'reconnect' } as const), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('remove' as const), target }), weight: 5 },
  { arbitrary: fc.record({ do: fc.constant('change' as const), target, role }), weight: 3 },
);

const step: fc.Arbitrary<GroupStep> = fc.oneof(
  {
    arbitrary: fc.record({
      do: fc.constant('act' as const),
      wait: fc.boolean(),
      device: target,
      group: fc.nat(1),
      action,
    }),
    weight: 30,
  },
  { arbitrary: fc.constantFrom<GroupStep>({ do: 'crash' }, { do: 'restart' }), weight: 1 },
);

export const groupSteps: fc.Arbitrary<readonly GroupStep[]> = fc.array(step, {
  minLength: 10,
  maxLength: 80,
  size: 'max',
});
