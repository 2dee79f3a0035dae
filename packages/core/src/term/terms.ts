// The built-in terms by name. To add one: its file, a line here, its row in docs/distillation.md.
import { z } from 'zod';
import type { LossFacts } from '../loss/define-loss.js';
import { attention } from './attention.js';
import { expectBoolean, expected, expectTensor, type ResultChecks } from '../extension/guarded.js';
import { moduleFields } from '../extension/module-fields.js';
import { bounded } from './bounded.js';
import { ModuleKind } from '../extension/module-kind.js';
import { defineTerm, layerPair, termCommon, type Term, type TermBatch } from './define-term.js';
import { dkd } from './dkd.js';
import { hint } from './hint.js';
import { kd } from './kd.js';
import { logits } from './logits.js';
import { pkt } from './pkt.js';
import { rkd } from './rkd.js';
import { similarity } from './similarity.js';

const terms = { kd, logits, dkd, bounded, hint, attention, rkd, pkt, similarity } as const;

type Schema = (typeof terms)[keyof typeof terms]['schema'];

const builtIn = z.discriminatedUnion('name', Object.values(terms).map(({ schema }) => schema) as [Schema, ...Schema[]]);
const fromModule = z
  .strictObject({ ...moduleFields, ...termCommon, ...layerPair })
  .describe('A term that a JavaScript module defines; docs/extending.md has an example.');

/** A term as the recipe has it. */
export const termSchema = z.union([builtIn, fromModule]);
export type TermConfig = z.output<typeof termSchema>;

const isWhole = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
const isLayer = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'apply' in value && 'trainableWeights' in value;
const checks: ResultChecks = {
  loss: (result, { student }: TermBatch<unknown>) => expectTensor(result, [student.outputs.shape[0]], []),
  refusal: (result) => expected(isText(result), 'a text or undefined', result),
  usesTemperature: expectBoolean,
  firstEpochs: (result) => expected(isWhole(result), 'a whole number of epochs', result),
  learns: (result) => expected(isLayer(result), 'a layer', result),
};
export const termModules = new ModuleKind<Term<unknown>>('term', defineTerm, checks);

/** A term of a recipe, whose module is open if it has one (`openModules`). */
export const termOf = (config: TermConfig): Term<unknown> =>
  'module' in config ? termModules.of(config) : terms[config.name];

/** Whether T changes what a student learns from a term of a recipe. */
export const usesTemperature = (config: TermConfig, loss: LossFacts): boolean =>
  termOf(config).usesTemperature?.(optionsOf(config), loss) ?? true;

/** What a term's methods get as options. */
export const optionsOf = (config: TermConfig): unknown => ('module' in config ? config.options : config);
