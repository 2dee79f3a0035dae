// A worker's place in a generation, in words for its log.
import { ranksText, type Membership } from '@stillhouse/core/cluster';

export function placeOf({ generation, members, self }: Membership): string {
  const ranks = ranksText(members[self].ranks);
  const share = ranks === undefined ? 'without ranks, as a spare' : `with ${ranks}`;
  return `generation ${generation}: member ${self} of ${members.length}, ${share}`;
}
