// Removes the flags that open a debugger. A worker with these flags would compete with the primary for the debugger's
// port.

/** @param flags - like process.execArgv */
export function withoutDebugger(flags: readonly string[]): string[] {
  return flags.filter(
    (flag, i) => !normalized(flag).startsWith('--inspect') && normalized(flags[i - 1] ?? '') !== '--inspect-port',
  )
}

/**
 * @param text - like NODE_OPTIONS: flags separated by spaces; double quotes protect a space, `\` escapes inside quotes
 */
export function withoutDebuggerText(text: string): string {
  return withoutDebugger(text.match(/(?:[^ "]|"(?:[^"\\]|\\.)*")+/g) ?? []).join(' ')
}

/** A flag without quotes, and with dashes: Node accepts `--inspect_brk` too. */
function normalized(flag: string): string {
  return flag.replaceAll('"', '').replaceAll('_', '-')
}
