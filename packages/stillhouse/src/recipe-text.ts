// The text of a recipe in YAML or JSON: its value, and the line and column of each of its parts.
import { firstLineOf, StillhouseError, type Path } from '@stillhouse/core';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type YAMLError,
} from 'yaml';

/** Line and column, both counted from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export interface RecipeText {
  readonly value: unknown;
  /** Where the part at a path begins, or the nearest part around it that is in the text. */
  positionOf(path: Path): TextPosition;
}

/** Offset in the text of the part at a path: of its key, or of itself in a list. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
      if (!pair) return offset;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node) && node.items[Number(part)] !== undefined) {
      node = node.items[Number(part)];
      offset = (node as { range?: readonly number[] }).range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

const positionText = ({ line, column }: TextPosition): string => `line ${line}, column ${column}`;

/** FILE, line 3, column 5. */
export const placeText = (file: string, position: TextPosition): string => `${file}, ${positionText(position)}`;

/** What is wrong in words, without the place; the library's words, except where they say too little. */
function problemText(problem: YAMLError, text: string): string {
  switch (problem.code) {
    case 'DUPLICATE_KEY':
      return `the key ${text.slice(problem.pos[0]).split(':', 1)[0].trim()} is given twice in one object`;
    case 'MULTIPLE_DOCS':
      return 'a second document begins here, but a file has one recipe';
    default:
      return firstLineOf(problem).replace(/ at line \d+, column \d+:?$/, '');
  }
}

/** A part that YAML can have and a recipe cannot: a key that is no word, or a reference to what is not there. */
function wrongPart(document: Document): { offset: number; why: string } | undefined {
  let wrong: { offset: number; why: string } | undefined;
  const note = (node: { range?: readonly number[] | null | undefined }, why: string): symbol => {
    wrong = { offset: node.range?.[0] ?? 0, why };
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_, node) =>
      node.resolve(document)
        ? undefined
        : note(node, `*${node.source} refers to nothing: &${node.source} must come before it`),
    Pair: (_, { key }) => {
      if (isMap(key) || isSeq(key)) return note(key, 'a key is a word, not an object or a list');
      const text = isScalar(key) ? String(key.value) : '';
      if (isScalar(key) && /^(\/\/|\/\*)/.test(text)) return note(key, 'a comment begins with #, not with // or /*');
      return undefined;
    },
  });
  return wrong;
}

/**
 * @param file name for messages
 * @throws StillhouseError RECIPE_SYNTAX with line and column
 */
export function readRecipeText(text: string, file: string): RecipeText {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  const positionAt = (offset: number): TextPosition => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  // A warning is about a part that would be read as something else, such as a tag that YAML does not know.
  const problem = document.errors[0] ?? document.warnings[0];
  const fail = (offset: number, why: string): never => {
    throw new StillhouseError('RECIPE_SYNTAX', `${placeText(file, positionAt(offset))}: ${why}`);
  };
  if (problem) fail(problem.pos[0], problemText(problem, text));
  const wrong = wrongPart(document);
  if (wrong) fail(wrong.offset, wrong.why);
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    throw new StillhouseError('RECIPE_SYNTAX', `${file}: ${firstLineOf(cause)}`, { cause });
  }
  return { value, positionOf: (path) => positionAt(offsetOf(document, path)) };
}
