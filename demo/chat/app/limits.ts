// Checks names, rooms and texts, and cleans them. The page has the same limits, but a client can ignore those.

export const LIMITS = { name: 24, room: 24, text: 500 }

/** The cleaned text, or a sentence that says why it is invalid. */
export type Checked = { value: string } | { reason: string }

export function checkName(input: unknown): Checked {
  return check(input, 'The name', LIMITS.name, false)
}

export function checkRoom(input: unknown): Checked {
  const checked = check(input, 'The room', LIMITS.room, false)
  if ('reason' in checked || /^[\p{L}\p{N}][\p{L}\p{N}_ -]*$/u.test(checked.value)) return checked
  return { reason: 'The room may have letters, digits, spaces, - and _.' }
}

export function checkText(input: unknown): Checked {
  return check(input, 'The message', LIMITS.text, true)
}

/** Whether the input is an id as tabs make them: 32 hexadecimal digits. */
export function isId(input: unknown): input is string {
  return typeof input === 'string' && /^[0-9a-f]{32}$/.test(input)
}

function check(input: unknown, what: string, max: number, lines: boolean): Checked {
  if (typeof input !== 'string') return { reason: `${what} is missing.` }
  // The length of the raw input in UTF-16 units, as maxlength in the page counts it.
  if (input.length > max) return { reason: `${what} is longer than ${max} characters.` }
  const value = (lines ? input : input.replace(/\s+/g, ' ')).replace(INVISIBLE, '').trim()
  if (value === '') return { reason: `${what} is empty.` }
  return VISIBLE.test(value) ? { value } : { reason: `${what} has nothing that can be seen.` }
}

/** Control characters except line feed and tab, and characters that change the direction of the text after them. */
// eslint-disable-next-line no-control-regex
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * A visible character: neither a space nor a character that Unicode allows to be hidden. Hidden characters are kept
 * beside visible ones, because they join emoji and letters of some scripts. U+2800 is a Braille cell without dots.
 */
const VISIBLE = /[^\s\p{Default_Ignorable_Code_Point}\u2800]/u
