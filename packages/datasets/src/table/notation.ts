// Numbers that text writes in another notation than 1234.5: dates and times, and others as the recipe says; if it says
// nothing, what it could say.
import { isMissingText, numberOfText, type Notation, type TableConfig } from '@stillhouse/core';
import { timeNotationOf } from './column-reading.js';
import { declaredFor } from './declared-column.js';

/** How text writes numbers. */
interface Style {
  /** Begins the decimals; groups of three digits may then be separated by the other one, a space or an apostrophe. */
  readonly decimal?: '.' | ',' | undefined;
  /** Texts at either end that do not count, such as $ and %. */
  readonly units?: readonly string[] | undefined;
}

const escaped = (text: string): string => text.replace(/[^\p{L}\d\s]/gu, (mark) => `\\${mark}`);

/** Undefined if numbers are plain. */
export function notationFor({ decimal, units = [] }: Style): Notation | undefined {
  const unit = `(?:${[...units]
    .sort((a, b) => b.length - a.length)
    .map(escaped)
    .join('|')})`;
  const withoutUnits: Notation =
    units.length === 0
      ? []
      : [
          [`^([-+]?)\\s*${unit}\\s*`, '$1'],
          [`\\s*${unit}$`, ''],
        ];
  if (decimal === undefined) return units.length === 0 ? undefined : withoutUnits;
  const separator = `[${decimal === ',' ? '.' : ','}\\s'’]`;
  const point = `\\${decimal}`;
  return [
    ...withoutUnits,
    // What is no number in this notation must not become one.
    [`^(?![-+]?(?:\\d{1,3}(?:${separator}\\d{3})+|\\d*)(?:${point}\\d*)?(?:[eE][-+]?\\d+)?$)`, 'x'],
    [separator, ''],
    ...(decimal === ',' ? [[point, '.'] as const] : []),
  ];
}

/** How text may write what a column of booleans has, in addition to true, false, 1 and 0. */
const booleanNotation: Notation = [
  ['^(?:[Yy]([Ee][Ss])?|[Tt]|[Oo][Nn])$', '1'],
  ['^(?:[Nn][Oo]?|[Ff]|[Oo][Ff][Ff])$', '0'],
];

/** How text writes what is of a type of SQL, if not as plain numbers. */
export const notationOfType = (sqlType: string): Notation | undefined =>
  sqlType === 'BOOLEAN' ? booleanNotation : timeNotationOf(sqlType);

/** Whether a notation is one that the recipe's units and decimals are part of. */
export const isStyled = (notation: Notation | undefined): boolean =>
  notation !== undefined && JSON.stringify(notation) !== JSON.stringify(booleanNotation);

const isNumber = (text: string, style?: Style): boolean =>
  Number.isFinite(numberOfText(text, style && notationFor(style)));

/** The share of texts that must be of one kind for a column to be of that kind. */
const mostTexts = 0.9;

/** Whether texts are moments or times of day. */
export const timeNotation = (texts: readonly string[]): 'timestamp' | 'time' | undefined =>
  (['timestamp', 'time'] as const).find(
    (notation) =>
      texts.length > 0 &&
      texts.filter((text) => Number.isFinite(numberOfText(text, notation))).length >= mostTexts * texts.length,
  );

/**
 * How the texts of a column write numbers, if not plainly. Where a table's decimals begin with a comma, a column that
 * has plain decimals, and none with a comma, is read plainly: "1869.525" cannot be one of the others.
 * @param texts cells that are not missing
 */
export function notationOf(texts: readonly string[], name: string, config: TableConfig): Notation | undefined {
  const declared = declaredFor(config, name);
  const own = typeof declared === 'object' && 'number' in declared ? declared.decimal : undefined;
  const { units } = config;
  const style = { decimal: own ?? config.decimal, units };
  const time = timeNotation(texts);
  if (time !== undefined) return time;
  if (own !== undefined || style.decimal === undefined) return notationFor(style);
  const isPlain = (text: string): boolean => isNumber(text, { units });
  const onlyPlain = texts.some((text) => isPlain(text) && !isNumber(text, style));
  const onlyOther = texts.some((text) => !isPlain(text) && isNumber(text, style));
  return notationFor(onlyPlain && !onlyOther ? { units } : style);
}

/** Whether texts have a number among them, or there are none. */
export const looksNumeric = (texts: readonly string[], notation: Notation | undefined): boolean =>
  texts.length === 0 || texts.some((text) => Number.isFinite(numberOfText(text, notation)));

const unitsIn = /^[-+]?\s*([\p{Sc}%])|([\p{Sc}%])$/u;

const unitsOf = (texts: readonly string[]): string[] => [
  ...new Set(
    texts.flatMap((text) => {
      const [, before, after] = unitsIn.exec(text.trim()) ?? [];
      return before ?? after ?? [];
    }),
  ),
];

const months = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec';
/** Dates in other forms than ISO 8601, most of which name another day elsewhere. */
const otherDates = [
  /^\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d(?:[ ,].*)?$/,
  /^\d{1,2}\/\d{1,2}\/\d\d(?:[ ,].*)?$/,
  /^(?:19|20)\d\d([./-])\d{1,2}\1\d{1,2}(?:[T ].*)?$/,
  new RegExp(`^(?:[a-z]{3,9},? )?\\d{1,2}[ -](?:${months})[a-z]*[ ,.-]+\\d{2,4}(?: .*)?$`, 'i'),
  new RegExp(`^(?:${months})[a-z]*\\.? \\d{1,2},? \\d{4}(?: .*)?$`, 'i'),
];
/** (5.50), 1_000, 12,34,567, 5.50-, 1.5D3 */
const otherNumbers = [
  /^[-+]?\p{Sc}?\(\s*\p{Sc}?\s*\d[\d.,]*\s*[\p{Sc}%]?\s*\)$/u,
  /^[-+]?\d{1,3}(?:_\d{3})+(?:\.\d+)?$/,
  /^[-+]?\d{1,2}(?:,\d\d)+,\d{3}(?:\.\d+)?$/,
  /^\d[\d.,]*-$/,
  /^[-+]?\d+\.\d*[dD][-+]?\d+$/,
];

/** What helps if nothing in a recipe says how such texts are read; undefined if they are no numbers and no dates. */
function adviceForOthers(known: readonly string[]): string | undefined {
  const share = (forms: readonly RegExp[], isPlain: (text: string) => boolean): boolean =>
    known.some((text) => !isNumber(text)) &&
    known.filter((text) => isPlain(text) || forms.some((form) => form.test(text.trim()))).length >=
      mostTexts * known.length;
  if (share(otherDates, () => false)) return 'Write dates as 2020-12-31, for example with sql and strptime';
  return share(otherNumbers, (text) => isNumber(text))
    ? 'Write numbers as -1234.5, for example with sql and replace'
    : undefined;
}

/**
 * The styles in which texts are numbers.
 * @param known texts that are not missing
 * @returns units, and what may begin the decimals if that must be said; undefined if texts are no numbers in any style,
 * or plain ones
 */
export function stylesOf(
  known: readonly string[],
): { readonly units: readonly string[]; readonly decimals: readonly (',' | '.')[] } | undefined {
  const fits = (style: Style): boolean =>
    known.length > 0 && known.filter((text) => isNumber(text, style)).length >= mostTexts * known.length;
  if (fits({})) return undefined;
  const units = unitsOf(known);
  if (units.length > 0 && fits({ units })) return { units, decimals: [] };
  const decimals = ([',', '.'] as const).filter((decimal) => fits({ decimal, units }));
  return decimals.length > 0 ? { units, decimals } : undefined;
}

/**
 * What a recipe could say so that texts are numbers, as the beginning of a sentence; undefined if they are none in any
 * notation, or plain ones.
 */
export function adviceFor(texts: readonly string[]): string | undefined {
  const known = texts.filter((text) => !isMissingText(text.trim()));
  const styles = stylesOf(known);
  if (!styles) return adviceForOthers(known);
  const { units, decimals } = styles;
  const withUnits = units.length > 0 ? `data.table.units: ${JSON.stringify(units)}` : '';
  if (decimals.length === 0) return `Declare ${withUnits}`;
  const example = known.find((text) => !isNumber(text, { units })) ?? known[0];
  const declared = decimals.map((decimal) => {
    const value = numberOfText(example, notationFor({ decimal, units }));
    return `data.table.decimal: ${JSON.stringify(decimal)}${decimals.length > 1 ? ` if ${example} is ${value}` : ''}`;
  });
  return `Declare ${[declared.join(', or '), withUnits].filter(Boolean).join(', and ')}`;
}
