import t from 'tap'
import { crc32c } from '../../src/affinity/crc32c.ts'

t.test('CRC-32C has the check value of its definition', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
})
