import t from 'tap'
import { exposition, histogram } from '../../src/admin/metrics.ts'

t.test('a metric has a help line, a type line and a line per sample', async (t) => {
  t.equal(
    exposition([
      { name: 'a_total', type: 'counter', help: 'All of them.', samples: [{ value: 3 }] },
      { name: 'none', type: 'gauge', help: 'Left out.', samples: [] },
      { name: 'b', type: 'gauge', help: 'Each.', samples: [{ labels: { worker: 0, x: 'y' }, value: 0.5 }] },
    ]),
    [
      '# HELP a_total All of them.',
      '# TYPE a_total counter',
      'a_total 3',
      '# HELP b Each.',
      '# TYPE b gauge',
      'b{worker="0",x="y"} 0.5',
      '',
    ].join('\n'),
  )
})

t.test('characters that would end a label are escaped', async (t) => {
  const samples = [{ labels: { text: 'a "b"\\\n' }, value: 1 }]
  t.match(exposition([{ name: 'a', type: 'gauge', help: 'A.', samples }]), '\na{text="a \\"b\\"\\\\\\n"} 1\n')
})

t.test('the buckets of a histogram are cumulative', async (t) => {
  const samples = histogram({ worker: 1 }, [0.1, 1], [2, 0, 3], 9.5)
  t.equal(
    exposition([{ name: 'h', type: 'histogram', help: 'H.', samples }]),
    [
      '# HELP h H.',
      '# TYPE h histogram',
      'h_bucket{worker="1",le="0.1"} 2',
      'h_bucket{worker="1",le="1"} 2',
      'h_bucket{worker="1",le="+Inf"} 5',
      'h_sum{worker="1"} 9.5',
      'h_count{worker="1"} 5',
      '',
    ].join('\n'),
  )
})
