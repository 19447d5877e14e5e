// Rolling: the workers are replaced one after the other, or a few at a time; the first failure stops it.
import { describe, StickyError } from '../errors.ts'

/**
 * @param workers - those to replace
 * @param parallel - how many at a time
 * @param replace - resolves when the successor serves and the old process has ended; rejects when there is no successor
 * @throws StickyError HOLDFAST_RELOAD_FAILED; those that were replaced stay so, the others keep serving as they are
 */
export async function rolling<W extends { readonly id: number }>(
  workers: readonly W[],
  parallel: number,
  replace: (worker: W) => Promise<void>,
): Promise<void> {
  const left = [...workers]
  let failed: { id: number; error: unknown } | undefined
  const runner = async (): Promise<void> => {
    for (let worker = left.shift(); worker !== undefined; worker = left.shift()) {
      try {
        await replace(worker)
      } catch (error) {
        failed ??= { id: worker.id, error }
        left.length = 0
      }
    }
  }
  await Promise.all(Array.from({ length: parallel }, runner))
  if (failed === undefined) return
  const hint = `worker ${failed.id} keeps its old process: ${describe(failed.error)}`
  throw new StickyError('HOLDFAST_RELOAD_FAILED', hint, failed.error)
}
