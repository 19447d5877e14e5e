// A job that keeps a processor busy. It knows nothing of who runs it: the event loop's thread, or another one.

/** How many primes there are below a number; on purpose not in the cleverest way. */
export default function countPrimes(below: number): number {
  let primes = 0
  for (let candidate = 2; candidate < below; candidate++) if (isPrime(candidate)) primes++
  return primes
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) return false
  return true
}
