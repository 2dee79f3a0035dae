// Which layers and settings of Keras are right here and which are refused, as tables for docs/keras.md.

/** A model that keras_layers.py saved, and what Keras computes for its rows. */
export interface Case {
  /** Its name without the ending. */
  readonly file: string;
  readonly kind: 'layer' | 'model';
  readonly layer: string;
  /** Settings other than the defaults, or what a model is. */
  readonly settings: string;
  readonly tolerance: number;
  readonly x: { readonly shape: number[]; readonly values: number[] };
  readonly y: { readonly shape: number[]; readonly values: number[] };
}

export type Outcome = 'right' | { readonly wrong: string } | { readonly refused: string };

/** A case with what became of it in each format on each backend. */
export interface Tried {
  readonly case: Case;
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

/** What the file says of a case: right, or refused; undefined if that differs between formats or backends. */
export const verdictOf = ({ outcomes }: Tried): 'right' | 'refused' | undefined => {
  const all = Object.values(outcomes);
  if (all.every((each) => each === 'right')) return 'right';
  return all.every((each) => typeof each === 'object' && 'refused' in each) ? 'refused' : undefined;
};

/** A text as code; Keras's defaults have no text. */
const code = (settings: string): string =>
  settings === '' ? 'the defaults' : `\`${settings.replaceAll('|', '\\|')}\``;

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

const listed = (all: readonly Tried[], verdict: 'right' | 'refused'): string[] =>
  unique(all.filter((each) => verdictOf(each) === verdict).map((each) => code(each.case.settings)));

/** Settings may be tried on inputs of several shapes: right only if they are for all. */
function rowOf(layer: string, all: readonly Tried[]): string {
  const refused = listed(all, 'refused');
  const right = listed(all, 'right');
  const sometimes = right.filter((each) => refused.includes(each));
  const only = (texts: readonly string[]): string[] => texts.filter((each) => !sometimes.includes(each));
  const some = sometimes.map((each) => `${each} for some inputs`);
  return `| ${layer} | ${[...only(right), ...some].join(', ')} | ${only(refused).join(', ')} |`;
}

/** The tables: layers with their settings, layers that are refused, whole models. */
export function tablesOf(tried: readonly Tried[], untriedLayers: readonly string[]): string {
  const layers = tried.filter((each) => each.case.kind === 'layer');
  const models = tried.filter((each) => each.case.kind === 'model');
  const names = unique(layers.map((each) => each.case.layer)).sort();
  const of = (name: string): Tried[] => layers.filter((each) => each.case.layer === name);
  const isUsed = (name: string): boolean => of(name).some((each) => verdictOf(each) === 'right');
  const refused = [...names.filter((name) => !isUsed(name)), ...untriedLayers].sort();
  return [
    '| layer | right | refused |',
    '| --- | --- | --- |',
    ...names.filter(isUsed).map((name) => rowOf(name, of(name))),
    '',
    `Refused whatever their settings: ${refused.join(', ')}.`,
    '',
    '## Models',
    '',
    '| model | |',
    '| --- | --- |',
    ...models.map((each) => `| ${each.case.settings} | ${verdictOf(each)} |`),
    '',
  ].join('\n');
}
