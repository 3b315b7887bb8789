import { axisX, axisY, dot, line, plot, text } from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { Results } from '../results.js'
import { titleOf } from '../rows.js'
import { systems } from '../systems/index.js'

export interface Drawn {
  readonly name: string
  readonly title: string
  readonly svg: string
}

interface Curve {
  readonly name: string
  readonly title: string
  readonly label: string
  /** The measure of each place on the axis. */
  readonly at: ReadonlyMap<number, string>
}

/** Each has one colour in every plot. */
const SYSTEMS = (['pg', 'postgres-js', 'floor', 'graphile-worker', 'bullmq'] as const).map(
  (name) => systems[name].title,
)

const curves: readonly Curve[] = [
  {
    name: 'backlog',
    title: 'Rate by jobs that wait',
    label: 'jobs waiting',
    at: new Map([
      [10_000, 'process-10000-16'],
      [100_000, 'process-100000-16'],
      [300_000, 'process'],
      [1_000_000, 'process-1000000-16'],
    ]),
  },
  {
    name: 'handlers',
    title: 'Rate by handlers at once',
    label: 'handlers',
    at: new Map([
      [1, 'process-300000-1'],
      [4, 'process-300000-4'],
      [16, 'process'],
      [64, 'process-300000-64'],
      [256, 'process-300000-256'],
    ]),
  },
  {
    name: 'processes',
    title: 'Rate by worker processes',
    label: 'worker processes',
    at: new Map([
      [1, 'process'],
      [2, 'processes-2'],
      [4, 'processes-4'],
    ]),
  },
]

/** Those whose measures were taken. */
export function plots(results: Results): readonly Drawn[] {
  return curves.flatMap((curve) => {
    const points = pointsOf(curve, results)
    return points.length === 0 ? [] : [{ name: curve.name, title: curve.title, svg: draw(curve, points) }]
  })
}

interface Point {
  readonly x: number
  readonly perSecond: number
  readonly system: string
}

/** Of the systems that were measured at every place. */
function pointsOf({ at }: Curve, results: Results): readonly Point[] {
  const rows = results.rows([...at.values()].find((measure) => measure !== 'process') ?? 'process')
  return rows.flatMap((row) => {
    const points = [...at].map(([x, measure]) => ({
      x,
      perSecond: results.median(measure, row, 'perSecond'),
      system: titleOf(row),
    }))
    return points.some(({ perSecond }) => Number.isNaN(perSecond)) ? [] : points
  })
}

function draw({ label, at }: Curve, points: readonly Point[]): string {
  const { document } = parseHTML('<html></html>')
  const last = Math.max(...at.keys())
  const ends = points.filter(({ x }) => x === last)
  const figure = plot({
    document,
    width: 720,
    height: 360,
    marginLeft: 64,
    marginRight: 130,
    style: { background: 'white', fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
    x: { type: 'log', label },
    y: { label: 'jobs a second', zero: true, grid: true, tickFormat: (n: number) => n.toLocaleString('en') },
    color: { domain: SYSTEMS, scheme: 'Observable10' },
    marks: [
      axisX([...at.keys()], { text: (n: number) => n.toLocaleString('en') }),
      axisY({}),
      line(points, { x: 'x', y: 'perSecond', stroke: 'system', strokeWidth: 2 }),
      dot(points, { x: 'x', y: 'perSecond', fill: 'system' }),
      text(ends, { x: 'x', y: 'perSecond', text: 'system', fill: 'system', dx: 8, textAnchor: 'start' }),
    ],
  })
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return figure.outerHTML
}
