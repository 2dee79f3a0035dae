// The files of a pretrained model, by the format that its path shows.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { messageOf, StillhouseError, type ModelMetadata, type TeacherFiles } from '@stillhouse/core';

export interface FoundTeacher {
  readonly format: TeacherFiles['format'];
  /** The contents of the files by their paths relative to the model's folder, with slashes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What Stillhouse wrote about a model that it trained. */
  readonly trained?: Partial<ModelMetadata> | undefined;
}

/** What is read here of a TFJS model.json; the rest is TFJS's. */
const modelJson = z.looseObject({
  format: z.string().optional(),
  modelTopology: z.looseObject({ node: z.unknown().optional() }),
  weightsManifest: z.array(z.looseObject({ paths: z.array(z.string()) })),
  userDefinedMetadata: z
    .looseObject({ stillhouse: z.custom<Partial<ModelMetadata>>((value) => typeof value === 'object').optional() })
    .nullish(),
});

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Formats that consist of one file, by its extension. */
const singleFiles: Readonly<Record<string, TeacherFiles['format']>> = {
  '.onnx': 'onnx',
  '.h5': 'keras',
  '.hdf5': 'keras',
  '.keras': 'keras',
};

const savedModelFile = 'saved_model.pb';

/** Whether a path leads to a file below a folder. */
function isBelow(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '' && way.split(sep)[0] !== '..' && !isAbsolute(way);
}

/**
 * A file of a model, by its path relative to the model's folder, in which it must be: a model.json, which may come from
 * anywhere, must not say which other files of this machine are read.
 * @throws StillhouseError TEACHER_NOT_FOUND if the path, or a link on it, leads out of the folder
 */
function fileIn(home: string, name: string, path: string): string {
  const file = join(home, name);
  const isElsewhere = existsSync(file) && !isBelow(realpathSync(home), realpathSync(file));
  if (isAbsolute(name) || !isBelow(home, file) || isElsewhere)
    throw new StillhouseError(
      'TEACHER_NOT_FOUND',
      `the teacher ${path} names the file ${JSON.stringify(name)}, which is not in its folder`,
      { next: 'Keep all files of a model in its folder; links that lead out of it are not followed.' },
    );
  return file;
}

/** The files of a folder and the folders in it, by their paths relative to it. */
function filesIn(home: string, path: string): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .map((entry) => ({ entry, name: relative(home, join(entry.parentPath, entry.name)) }))
    .filter(({ entry, name }) => {
      if (!entry.isSymbolicLink()) return entry.isFile();
      if (!isFolder(fileIn(home, name, path))) return true;
      throw new StillhouseError('TEACHER_NOT_FOUND', `the teacher ${path} has the link ${name} to a folder`, {
        next: 'Put the folder itself where the link is.',
      });
    })
    .map(({ name }) => name)
    .sort();
}

/** The model that a path refers to: the teacher of a run folder, the model in a folder, or the file itself. */
function locate(path: string, full: string): string {
  if (!existsSync(full)) throw new StillhouseError('TEACHER_NOT_FOUND', `${path} does not exist`);
  if (!isFolder(full)) return full;
  const found = [join('teacher', 'model.json'), 'model.json', savedModelFile].find((each) =>
    existsSync(join(full, each)),
  );
  if (found === undefined)
    throw new StillhouseError(
      'TEACHER_NOT_FOUND',
      `${path} contains no model.json, directly or in teacher/, and no ${savedModelFile}`,
    );
  return fileIn(full, found, path);
}

/**
 * @param folder the folder that relative paths start from
 * @throws StillhouseError TEACHER_NOT_FOUND
 */
export function findTeacher(path: string, folder: string): FoundTeacher {
  const file = locate(path, resolve(folder, path));
  const failed = (what: string, cause: unknown): never => {
    throw new StillhouseError(
      'TEACHER_NOT_FOUND',
      `${what} of the teacher ${path} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  };
  const read = (each: string): Uint8Array => {
    try {
      return readFileSync(each);
    } catch (cause) {
      return failed(each, cause);
    }
  };
  const single = singleFiles[extname(file).toLowerCase()];
  if (single) return { format: single, files: new Map([['model', read(file)]]) };
  const home = dirname(file);
  if (basename(file) === savedModelFile) {
    const names = filesIn(home, path);
    return {
      format: 'savedModel',
      files: new Map(names.map((name) => [name.split(sep).join('/'), read(join(home, name))])),
    };
  }
  const model = read(file);
  let text: unknown;
  try {
    text = JSON.parse(new TextDecoder().decode(model));
  } catch (cause) {
    return failed(file, cause);
  }
  const { success, data: json } = modelJson.safeParse(text);
  if (!success)
    throw new StillhouseError(
      'TEACHER_NOT_FOUND',
      `${path} is not a TFJS model: it has no modelTopology and weightsManifest`,
    );
  const shards = json.weightsManifest.flatMap(({ paths }) => paths.map((each) => read(fileIn(home, each, path))));
  return {
    format: json.format === 'graph-model' || json.modelTopology.node !== undefined ? 'graph' : 'layers',
    files: new Map([
      ['model', model],
      ['weights', Buffer.concat(shards)],
    ]),
    trained: json.userDefinedMetadata?.stillhouse,
  };
}
