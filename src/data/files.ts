/**
 * What the files of this folder that touch the disk share.
 *
 * @module
 */

/**
 * Size of a file.
 *
 * @param path The file.
 * @returns Its size in bytes; undefined if there is nothing at that path.
 */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Writes chunks to an open file, so that they are on the disk when it is done.
 *
 * The file's own stream would not do: what it has taken in may be lost when the
 * program is killed.
 *
 * @param file The file, at the place to write to.
 * @param chunks The bytes.
 * @param onChunk Called with the length of each chunk, once it is written.
 * @returns When all is on the disk.
 */
export async function writeChunks(
  file: Deno.FsFile,
  chunks: AsyncIterable<Uint8Array>,
  onChunk?: (length: number) => void,
): Promise<void> {
  for await (const chunk of chunks) {
    for (let done = 0; done < chunk.length;) {
      done += await file.write(chunk.subarray(done));
    }
    onChunk?.(chunk.length);
  }
  await file.syncData();
}
