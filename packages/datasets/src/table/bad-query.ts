// What is wrong with a query of a recipe, and what to do about it.
import { StillhouseError } from '@stillhouse/core';
import { badTable } from './table.js';

/** @param cause what DuckDB throws */
export const badQuery = (cause: unknown): StillhouseError => {
  const error = badTable('data.sql', cause);
  if (error.code !== 'DATA_FORMAT') return error;
  const next = /disabled by configuration/.test(error.message)
    ? 'A query reads only files in the folder of the recipe and in data folders: put the file there.'
    : 'Correct the query in data.sql.';
  return new StillhouseError(error.code, error.message, { cause, next });
};
