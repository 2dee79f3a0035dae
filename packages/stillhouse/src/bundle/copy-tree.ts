// Copies a folder so that the copy needs nothing outside it.
import { copyFileSync, mkdirSync, readdirSync, readlinkSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * Relative links stay links; what absolute links name is copied.
 * @param isWanted whether to copy what has this path below `from`, with slashes; of folders it leaves out the content
 */
export function copyTree(from: string, to: string, isWanted: (path: string) => boolean): void {
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(from, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (!isWanted(path)) continue;
      const [source, target] = [join(from, path), join(to, path)];
      if (entry.isSymbolicLink() && !isAbsolute(readlinkSync(source))) {
        mkdirSync(join(to, folder), { recursive: true });
        symlinkSync(readlinkSync(source), target);
      } else if (statSync(source).isDirectory()) visit(path);
      else {
        mkdirSync(join(to, folder), { recursive: true });
        copyFileSync(realpathSync(source), target);
      }
    }
  };
  mkdirSync(to, { recursive: true });
  visit('');
}
