// Describes for the terminal which Redis a demo uses.

/** @param url - REDIS_URL, or 'private' for the demo's own Redis; @returns undefined without Redis */
export function redisPlace(url: string | undefined): string | undefined {
  if (!url) return undefined
  return url === 'private' ? 'a private one for this demo' : `at ${withoutSecrets(url)} (REDIS_URL)`
}

function withoutSecrets(url: string): string {
  return URL.canParse(url) ? new URL(url).host || url : url
}
