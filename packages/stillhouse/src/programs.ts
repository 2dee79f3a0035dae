// The files of this package that other processes and threads run; the build puts them next to its doors.
import { fileURLToPath } from 'node:url';

const built = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

export const programs = {
  worker: built('worker-process'),
  trials: built('trial-process'),
  links: built('link-thread'),
  uploads: built('upload-thread'),
};
