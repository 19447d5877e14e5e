// Which TCP port a call of net.Server.listen() is about. Pure.

/** @returns undefined where it is about none: a path, a descriptor, a handle */
export function listenPort([first]: readonly unknown[]): number | undefined {
  if (typeof first !== 'object' || first === null) return portOf(first)
  const { port, path, fd, handle, _handle } = first as Record<string, unknown>
  return [path, fd, handle, _handle].some((other) => other !== undefined) ? undefined : portOf(port)
}

/** Node takes numbers as text, too. */
function portOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : undefined
}
