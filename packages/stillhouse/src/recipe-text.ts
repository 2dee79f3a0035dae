// The text of a recipe in YAML or JSON: its value, and the line and column of each of its parts.
import { firstLineOf, StillhouseError, type Path } from '@stillhouse/core';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';

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
  if (problem)
    throw new StillhouseError(
      'RECIPE_SYNTAX',
      `${placeText(file, positionAt(problem.pos[0]))}: ` +
        firstLineOf(problem).replace(/ at line \d+, column \d+:?$/, ''),
    );
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    throw new StillhouseError('RECIPE_SYNTAX', `${file}: ${firstLineOf(cause)}`, { cause });
  }
  return { value, positionOf: (path) => positionAt(offsetOf(document, path)) };
}
