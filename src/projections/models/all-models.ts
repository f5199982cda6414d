import type { Projection } from '../engine/projection.ts';
import { callsProjection } from './calls.ts';
import { channelsProjection } from './channels.ts';
import { devicesProjection } from './devices.ts';
import { groupsProjection } from './groups.ts';
import { mailProjection } from './mail.ts';
import { sessionsProjection } from './sessions.ts';
import { usersProjection } from './users.ts';

/** All read models. */
export const READ_MODELS: readonly Projection[] = [
  usersProjection,
  devicesProjection,
  sessionsProjection,
  channelsProjection,
  groupsProjection,
  callsProjection,
  mailProjection,
];
