// Node's flags without those that open a debugger: workers would fight the primary for its port.

/** @param flags - as in process.execArgv */
export function withoutDebugger(flags: readonly string[]): string[] {
  return flags.filter((flag, i) => !bare(flag).startsWith('--inspect') && bare(flags[i - 1] ?? '') !== '--inspect-port')
}

/** @param text - as in NODE_OPTIONS: flags with spaces between them, parts in double quotes, `\` quotes within these */
export function withoutDebuggerText(text: string): string {
  return withoutDebugger(text.match(/(?:[^ "]|"(?:[^"\\]|\\.)*")+/g) ?? []).join(' ')
}

/** Node takes `--inspect_brk` as well. */
function bare(flag: string): string {
  return flag.replaceAll('"', '').replaceAll('_', '-')
}
