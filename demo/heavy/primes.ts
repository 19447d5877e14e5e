// A job that keeps a processor busy. The event loop's thread or another thread can run it.

/** Counts the primes below a number. The method is slow on purpose. */
export default function countPrimes(below: number): number {
  let primes = 0
  for (let candidate = 2; candidate < below; candidate++) if (isPrime(candidate)) primes++
  return primes
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) return false
  return true
}
