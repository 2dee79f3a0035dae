// The files of a pretrained model, by the format that its path shows.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
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

/** The model that a path refers to: the teacher of a run folder, the model in a folder, or the file itself. */
function locate(path: string, full: string): string {
  if (!existsSync(full)) throw new StillhouseError('TEACHER_NOT_FOUND', `${path} does not exist`);
  if (!isFolder(full)) return full;
  const found = [join(full, 'teacher', 'model.json'), join(full, 'model.json'), join(full, savedModelFile)].find(
    (each) => existsSync(each),
  );
  if (found === undefined)
    throw new StillhouseError(
      'TEACHER_NOT_FOUND',
      `${path} contains no model.json, directly or in teacher/, and no ${savedModelFile}`,
    );
  return found;
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
    const names = readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(home, join(entry.parentPath, entry.name)));
    return {
      format: 'savedModel',
      files: new Map(names.sort().map((name) => [name.split(sep).join('/'), read(join(home, name))])),
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
  const shards = json.weightsManifest.flatMap(({ paths }) => paths.map((each) => read(join(home, each))));
  return {
    format: json.format === 'graph-model' || json.modelTopology.node !== undefined ? 'graph' : 'layers',
    files: new Map([
      ['model', model],
      ['weights', Buffer.concat(shards)],
    ]),
    trained: json.userDefinedMetadata?.stillhouse,
  };
}
