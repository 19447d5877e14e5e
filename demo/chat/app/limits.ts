// What may be said: names, rooms and texts as they are kept, or why not. The page has the same limits; this is the side
// that counts.

export const LIMITS = { name: 24, room: 24, text: 500 }

/** The cleaned text, or a sentence about what is wrong with it. */
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

/** An id that a tab made up: unguessable, and of one length. */
export function isId(input: unknown): input is string {
  return typeof input === 'string' && /^[0-9a-f]{32}$/.test(input)
}

function check(input: unknown, what: string, max: number, lines: boolean): Checked {
  if (typeof input !== 'string') return { reason: `${what} is missing.` }
  // Counted before anything is done with it, in UTF-16 units as maxlength in the page does.
  if (input.length > max) return { reason: `${what} is longer than ${max} characters.` }
  const value = (lines ? input : input.replace(/\s+/g, ' ')).replace(INVISIBLE, '').trim()
  if (value === '') return { reason: `${what} is empty.` }
  return VISIBLE.test(value) ? { value } : { reason: `${what} has nothing that can be seen.` }
}

/** Control characters except line feed and tab, and those that turn the direction of all that follows. */
// eslint-disable-next-line no-control-regex
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * Anything but spaces and what Unicode lets be left out of sight. Beside other characters those stay: families of emoji
 * and some scripts are joined with them. U+2800 is a Braille cell without dots.
 */
const VISIBLE = /[^\s\p{Default_Ignorable_Code_Point}\u2800]/u
