// The name in errors of a source that consists of files.

/** The file, or the recipe's own words if there are several. */
export const namesOf = (files: readonly string[], paths: string | readonly string[]): string =>
  files.length === 1 ? files[0] : [paths].flat().join(', ');
