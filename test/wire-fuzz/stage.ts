import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { Weather } from './connection.ts';
import { FuzzDevice } from './device.ts';
import type { Ledger } from './ledger.ts';
import { Room } from './room.ts';
import { type Action, DEVICES, type GroupAct, type Kind, type Plan } from './steps.ts';

type Send = Extract<Action, { do: 'send' }>;
type GroupStep = Extract<Action, { do: 'group' }>;

const EVERYBODY = 1;
const FIRST_GROUP = 100;
const MOST_GROUPS = 6;
const LONGEST_NAME = 128;

const TYPES: Readonly<Record<Exclude<Kind, 'typing'>, number>> = {
  msg: FRAME.MSG,
  key_update: FRAME.KEY_UPDATE,
  event: FRAME.GROUP_EVENT,
  offer: FRAME.CALL_OFFER,
  hang_up: FRAME.CALL_END,
};

/** The devices of a run: all four kinds, with and without `delivery-ack` and `resume`. */
export function castOf({ eager, longNames }: Plan, ledger: Ledger, weather: Weather): readonly FuzzDevice[] {
  const devices: FuzzDevice[] = Array.from({ length: DEVICES }, (_, index) => {
    const kind = {
      confirms: index !== 2 && index !== 4,
      resumes: index !== 3 && index !== 4,
      eager: (eager & (1 << index)) !== 0,
    };
    const name = `device-${index}`.padEnd(longNames ? LONGEST_NAME : 0, '-');
    return new FuzzDevice(name, kind, ledger, weather, () => devices.map((one) => one.name));
  });
  return devices;
}

/** The rooms of a run, and what its devices say in them: the same for a simulated server and a real one. */
export class Stage {
  readonly devices: readonly FuzzDevice[];
  readonly rooms: Room[];
  #calls = 0;

  constructor(devices: readonly FuzzDevice[]) {
    this.devices = devices;
    this.rooms = [new Room(EVERYBODY, undefined, this.names)];
  }

  get names(): string[] {
    return this.devices.map(({ name }) => name);
  }

  /** A room that the device may talk in; most talk is where everybody is. */
  room(index: number): Room {
    const groups = this.rooms.slice(1);
    const isCommon = index % 2 === 0 || groups.length === 0;
    return (isCommon ? this.rooms[0] : groups[index % groups.length]) as Room;
  }

  send(device: FuzzDevice, { room: index, kind, count, size }: Send): void {
    const room = this.room(index);
    for (let left = count; left > 0; left -= 1) {
      if (kind === 'typing') device.type(room);
      else device.send({ room, type: TYPES[kind], fields: this.#fields(kind, device, room), size });
    }
  }

  group(device: FuzzDevice, { room: index, act, other }: GroupStep): void {
    const groups = this.rooms.slice(1);
    const room = groups[index % Math.max(1, groups.length)];
    const target = this.devices[other];
    if (act === 'create') {
      if (groups.length < MOST_GROUPS) this.create(device);
    } else if (room?.exists === true && target !== undefined) {
      this.#change(device, room, act, target);
    }
  }

  /** A new group, with an id and a number that nothing else uses, to which everybody is invited. */
  create(device: FuzzDevice): Room {
    const number = FIRST_GROUP + this.rooms.length;
    const room = new Room(number, `group-${number}`, this.names);
    this.rooms.push(room);
    const named = this.names.filter((name) => name !== device.name);
    const fields = { group_id: room.group, members: this.names };
    const dispatch = device.send({ room, type: FRAME.GROUP_CREATE, fields, size: 0, named });
    room.createdBy(device.name, dispatch);
    return room;
  }

  #change(device: FuzzDevice, room: Room, act: Exclude<GroupAct, 'create'>, target: FuzzDevice): void {
    const group_id = room.group;
    const event = (fields: object, removes?: string): void => {
      const draft = { room, type: FRAME.GROUP_EVENT, fields: { group_id, ...fields }, size: 0 };
      device.send(removes === undefined ? draft : { ...draft, removes });
    };
    switch (act) {
      case 'join':
        device.join(room);
        break;
      case 'pause':
        device.leave(room);
        break;
      case 'invite': {
        const fields = { group_id, device: target.name, role: 'member' };
        device.send({ room, type: FRAME.GROUP_INVITE, fields, size: 0, named: [target.name] });
        break;
      }
      case 'remove':
        event({ type: 'group-member-removed', device: target.name }, target.name);
        break;
      case 'quit':
        device.wanted.delete(room);
        event({ type: 'group-member-left' }, device.name);
        break;
      case 'promote':
        event({ type: 'group-role-changed', device: target.name, role: 'admin' });
        break;
      default:
        act satisfies never;
    }
  }

  #fields(kind: Kind, device: FuzzDevice, room: Room): object {
    switch (kind) {
      case 'offer': {
        this.#calls += 1;
        const call = `call-${this.#calls}`;
        room.calls.push(call);
        return { call_id: call, from: device.name, to: this.names };
      }
      case 'hang_up':
        return { call_id: room.calls.at(-1) ?? 'nothing', reason: 'hangup' };
      case 'event':
        return { event: 'something' };
      default:
        return {};
    }
  }
}
