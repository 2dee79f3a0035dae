// How a source that consists of files is called in errors.

/** The file, or what the recipe says where there are several. */
export const namesOf = (files: readonly string[], paths: string | readonly string[]): string =>
  files.length === 1 ? files[0] : [paths].flat().join(', ');
