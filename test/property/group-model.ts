import assert from 'node:assert/strict';
import type { GroupRole } from '../../src/events/events.ts';
import type { MailPosted } from '../../src/events/mail-encoding.ts';
import { type EventOf, STREAMS } from '../../src/events/streams.ts';
import type { NewEvent } from '../../src/log/event-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { DurableEvent } from '../kit/simulated-disk.ts';

export interface ModelMember {
  role: GroupRole;
  standing: 'invited' | 'joined' | 'paused';
}

/** A group as the log tells of it, folded by a second, simpler hand than the server's own. */
export interface ModelGroup {
  readonly id: string;
  readonly key: string;
  readonly number: number;
  readonly members: Map<string, ModelMember>;
  /** Devices that were taken out, by what. */
  readonly gone: Set<string>;
  ended: boolean;
}

export interface PostedLetter {
  readonly group: ModelGroup;
  readonly sender: string;
  readonly text: string;
  readonly recipients: readonly string[];
  /** Who had joined when the letter became durable. */
  readonly joined: readonly string[];
}

const RANK = { member: 0, admin: 1, owner: 2 } as const;

/**
 * Groups as of a place in history. Everything that the log says is checked against PROTOCOL.md 6.6 and 6.7 while it is
 * read: who may have done it, and who may get which letter.
 */
export class GroupModel {
  readonly groups = new Map<string, ModelGroup>();
  readonly letters: PostedLetter[] = [];
  /** By stream, in the order of their revisions. */
  readonly #facts = new Map<string, NewEvent[]>();
  #read = 0;

  follow(history: readonly DurableEvent[]): void {
    for (; this.#read < history.length; this.#read += 1) {
      const recorded = history[this.#read];
      if (recorded === undefined) continue;
      const { stream, revision } = recorded;
      if (STREAMS.group.has(stream)) this.#fact(stream, revision, recorded);
      else if (STREAMS.mail.has(stream)) {
        this.#letter(STREAMS.mail.keyOf(stream), STREAMS.mail.decode(recorded));
      }
    }
    for (const group of this.groups.values()) {
      const owners = [...group.members.values()].filter(({ role }) => role === 'owner').length;
      assert.equal(owners, group.ended ? 0 : 1, `${group.id} has one owner`);
    }
  }

  /** The group that the device has joined under this number. */
  joinedAt(device: string, number: number): ModelGroup | undefined {
    return [...this.groups.values()].find(
      (group) => group.number === number && group.members.get(device)?.standing === 'joined',
    );
  }

  /** A fact is true from the letter on that carries it; in its own stream it follows, the same. */
  #fact(stream: string, revision: number, { type, data }: NewEvent): void {
    const known = this.#facts.get(stream) ?? [];
    this.#facts.set(stream, known);
    if (revision < known.length) {
      assert.deepEqual({ type, data: Uint8Array.from(data) }, known[revision]);
      return;
    }
    assert.equal(revision, known.length, `${stream} has no gap`);
    known.push({ type, data: Uint8Array.from(data) });
    this.#evolve(STREAMS.group.keyOf(stream), STREAMS.group.decode({ type, data }));
  }

  #evolve(id: string, fact: EventOf<'group'>): void {
    if (fact.type === 'group.created') {
      assert.ok(!this.groups.has(id), `${id} is created once`);
      const members = new Map<string, ModelMember>([[fact.owner, { role: 'owner', standing: 'joined' }]]);
      for (const { device, role } of fact.invited) {
        assert.notEqual(role, 'owner', 'nobody else is made owner');
        members.set(device, { role, standing: 'invited' });
      }
      const { channel: key, number } = fact;
      this.groups.set(id, { id, key, number, members, gone: new Set(), ended: false });
      return;
    }
    const group = this.groups.get(id) ?? assert.fail(`${fact.type} of no group`);
    const { members, gone } = group;
    const of = (device: string): ModelMember => members.get(device) ?? assert.fail(`${device} is in ${id}`);
    assert.ok(!group.ended, `${id} has ended`);
    switch (fact.type) {
      case 'group.member_invited': {
        const by = of(fact.by);
        assert.equal(by.standing, 'joined');
        assert.ok(RANK[by.role] > RANK[fact.role], 'nobody invites somebody of the same rank');
        assert.ok(!members.has(fact.device));
        members.set(fact.device, { role: fact.role, standing: 'invited' });
        break;
      }
      case 'group.member_joined':
        assert.notEqual(of(fact.device).standing, 'joined');
        of(fact.device).standing = 'joined';
        break;
      case 'group.member_paused':
        assert.equal(of(fact.device).standing, 'joined');
        of(fact.device).standing = 'paused';
        break;
      case 'group.member_left':
        if (of(fact.device).role === 'owner') {
          const consented = [...members.values()].filter(({ standing }) => standing !== 'invited').length;
          assert.equal(consented, 1, 'the owner leaves last');
        }
        members.delete(fact.device);
        gone.add(fact.device);
        break;
      case 'group.member_removed':
        assert.equal(of(fact.by).standing, 'joined');
        assert.ok(RANK[of(fact.by).role] > RANK[of(fact.device).role]);
        members.delete(fact.device);
        gone.add(fact.device);
        break;
      case 'group.role_changed':
        of(fact.device).role = fact.role;
        break;
      case 'group.ended':
        group.ended = true;
        members.clear();
        break;
      default:
        fact satisfies never;
    }
  }

  #letter(key: string, mail: MailPosted): void {
    if (mail.fact !== undefined && STREAMS.group.has(mail.fact.stream)) {
      const { stream, expected, events } = mail.fact;
      const first = typeof expected === 'number' ? expected + 1 : 0;
      for (const [index, event] of events.entries()) this.#fact(stream, first + index, event);
    }
    const group = [...this.groups.values()].find((one) => one.key === key);
    if (group === undefined) return;
    const text = Buffer.from(mail.payload).toString();
    const recipients = mail.recipients.map(({ device }) => device);
    for (const device of recipients) {
      assert.ok(
        mayReceive(group, device, mail.frameType, text),
        `${device} must not get ${text} of ${group.id}`,
      );
    }
    const joined = [...group.members].flatMap(([device, { standing }]) =>
      standing === 'joined' ? [device] : [],
    );
    this.letters.push({ group, sender: mail.sender, text, recipients, joined });
  }
}

function mayReceive(group: ModelGroup, device: string, type: number, text: string): boolean {
  const standing = group.members.get(device)?.standing;
  // A letter may have been on its way when its recipient paused; nothing may be on its way to one that was removed.
  if (standing !== undefined && standing !== 'invited') return true;
  if (standing === 'invited' && (type === FRAME.GROUP_CREATE || type === FRAME.GROUP_INVITE)) return true;
  // But the letter that tells it, also when it has been invited again since.
  const document = type === FRAME.GROUP_EVENT ? (JSON.parse(text) as { type?: string; device?: string }) : {};
  return group.gone.has(device) && document.type === 'group-member-removed' && document.device === device;
}
