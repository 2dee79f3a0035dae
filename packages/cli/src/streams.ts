// Standard output and standard error, whose readers may go away or whose disk may be full.
import { messageOf, StillhouseError } from 'stillhouse';

/**
 * Ends the process once its results are no longer read, as `head` stops reading; reports any other error of standard
 * output, such as a full disk. A run goes on if its progress is not read.
 */
export function watchStreams(end: (error: StillhouseError | undefined) => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    end(
      error.code === 'EPIPE'
        ? undefined
        : new StillhouseError('OUT_UNWRITABLE', `standard output cannot be written: ${messageOf(error)}`, {
            cause: error,
            next: 'Redirect it to a file on a disk with room.',
          }),
    ),
  );
  process.stderr.on('error', () => {});
}
