// What can go wrong, each with a stable code (docs/errors.md).

/**
 * STUDENT_NOT_FOUND: a file of the model cannot be read. STUDENT_FORMAT: it is not one that Stillhouse wrote, or not
 * whole. DATA_COLUMN: a row lacks a column. DATA_CELL: a cell is not what its column needs. PREDICT_ROW: any other
 * fault of a row.
 */
export type StudentErrorCode = 'STUDENT_NOT_FOUND' | 'STUDENT_FORMAT' | 'DATA_COLUMN' | 'DATA_CELL' | 'PREDICT_ROW';

/** A model that cannot be loaded, or a row that it cannot take. */
export class StudentError extends Error {
  override readonly name = 'StudentError';

  constructor(
    readonly code: StudentErrorCode,
    message: string,
    options?: { cause: unknown },
  ) {
    super(message, options);
  }
}

/** What something thrown says. */
export const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The error for a row, counted from 1, that the model cannot take. */
export const badRow = (row: number, what: string): StudentError =>
  new StudentError('PREDICT_ROW', `row ${row} ${what}`);

/** The error for a model at an address that is not one that Stillhouse wrote, or not whole. */
export const badModel = (href: string, what: string, cause?: unknown): StudentError =>
  new StudentError('STUDENT_FORMAT', `${href} ${what}`, { cause });
