// Which way sums take between members. Those of one host pass sums on to each other, so that each sum crosses to
// another host once: for each segment that a member elsewhere owns, one of them, the relay, adds up what the host has
// of it and sends that on, and hands the finished segment to the others. Every member computes the same routes.
import { groupSubtrees, type Span } from './tree.js';

/** A subtree that a member sums and another needs. */
export interface Leaf {
  readonly span: Span;
  /** Who sends it. */
  readonly member: number;
}

export interface Routes {
  /** To whom this worker sends its partial sums of a member's segment: the owner, or a relay; it may be itself. */
  readonly handlerOf: (owner: number) => number;
  /** From whom this worker gets the finished segment of a member. */
  readonly sourceOf: (owner: number) => number;
  /** To whom this worker sends the finished segment of a member. */
  readonly receiversOf: (owner: number) => readonly number[];
  /** The owners of the segments that this worker adds up, itself first. */
  readonly handled: readonly number[];
  /** What it adds up of a segment. */
  readonly leavesOf: (owner: number) => readonly Leaf[];
  /** The subtrees that it makes of them: the whole tree of its own segment, and otherwise those of its host. */
  readonly rootsOf: (owner: number) => readonly Span[];
}

/** The others, beginning with the one after the given one, so that not all send to the same one at first. */
function afterFirst(first: number, all: readonly number[]): number[] {
  const at = all.indexOf(first);
  return [...all.slice(at + 1), ...all.slice(0, at)];
}

/**
 * @param of.members ranges of ranks, by member
 * @param of.hosts number of each member's host
 */
export function routesOf(of: {
  ranks: number;
  members: readonly Span[];
  hosts: readonly number[];
  self: number;
}): Routes {
  const { ranks, members, hosts, self } = of;
  const here = hosts[self]!;
  const membersOf = (host: number): number[] => hosts.flatMap((each, index) => (each === host ? [index] : []));
  const mates = membersOf(here);
  // Relays of a host take turns, so that each has about as much to do.
  const relayOf = (owner: number, host: number): number => {
    const group = membersOf(host);
    return group[owner % group.length]!;
  };
  // One that is alone on its host relays nothing: each of its subtrees goes out as soon as it is summed.
  const handlers = members.map((_, owner) =>
    mates.length === 1 || hosts[owner] === here ? owner : relayOf(owner, here),
  );
  const memberOfRank = members.flatMap(({ lo, hi }, index) => Array<number>(hi - lo).fill(index));
  const isMate = (member: number): boolean => hosts[member] === here;
  // Groups of ranks: each mate by itself, and each other host as a whole.
  const apart = groupSubtrees(
    ranks,
    memberOfRank.map((member) => (isMate(member) ? member : members.length + hosts[member]!)),
  );
  const whole = groupSubtrees(
    ranks,
    memberOfRank.map((member) => hosts[member]!),
  );
  const ofMates = apart.flatMap(({ span, group }) => (group < members.length ? [{ span, member: group }] : []));
  const others = afterFirst(here, [...new Set(hosts)]).map((host) => relayOf(self, host));
  const otherMates = afterFirst(self, mates);
  return {
    handlerOf: (owner) => handlers[owner]!,
    sourceOf: (owner) => (handlers[owner] === self ? owner : handlers[owner]!),
    receiversOf: (owner) => (owner === self ? [...otherMates, ...others] : handlers[owner] === self ? otherMates : []),
    handled: [self, ...afterFirst(self, [...members.keys()]).filter((owner) => handlers[owner] === self)],
    leavesOf: (owner) =>
      owner === self
        ? apart.map(({ span, group }) => ({
            span,
            member: group < members.length ? group : relayOf(self, group - members.length),
          }))
        : ofMates,
    rootsOf: (owner) =>
      owner === self ? [{ lo: 0, hi: ranks }] : whole.flatMap(({ span, group }) => (group === here ? [span] : [])),
  };
}
