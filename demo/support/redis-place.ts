// Which Redis a demo uses, for its terminal.

/** @param url - REDIS_URL, or 'private' for our own; @returns undefined where there is none */
export function redisPlace(url: string | undefined): string | undefined {
  if (!url) return undefined
  return url === 'private' ? 'a private one for this demo' : `at ${withoutSecrets(url)} (REDIS_URL)`
}

function withoutSecrets(url: string): string {
  return URL.canParse(url) ? new URL(url).host || url : url
}
