// A worker's place in a generation, in words for its log.
import type { Membership } from '@stillhouse/core/cluster';

export function placeOf({ generation, members, self }: Membership): string {
  const { lo, hi } = members[self].ranks;
  const ranks =
    hi === lo ? 'without ranks, as a spare' : hi === lo + 1 ? `with rank ${lo}` : `with ranks ${lo} to ${hi - 1}`;
  return `generation ${generation}: member ${self} of ${members.length}, ${ranks}`;
}
