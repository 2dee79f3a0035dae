// The built-in terms by their names. Adding one: its file, a line here, its row in docs/distillation.md.
import { z } from 'zod';
import { attention } from './attention.js';
import { bounded } from './bounded.js';
import type { Term } from './define-term.js';
import { dkd } from './dkd.js';
import { hint } from './hint.js';
import { kd } from './kd.js';
import { logits } from './logits.js';
import { pkt } from './pkt.js';
import { rkd } from './rkd.js';
import { similarity } from './similarity.js';

const terms = { kd, logits, dkd, bounded, hint, attention, rkd, pkt, similarity } as const;

type Schema = (typeof terms)[keyof typeof terms]['schema'];

/** A term as the recipe has it. */
export const termSchema = z.discriminatedUnion(
  'name',
  Object.values(terms).map(({ schema }) => schema) as [Schema, ...Schema[]],
);
export type TermConfig = z.output<typeof termSchema>;

export const termOf = ({ name }: TermConfig): Term<TermConfig> => terms[name];
