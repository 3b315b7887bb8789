// Prints the rows that matrix-reporter.mjs makes of a run, or of several.

/** Drivers with what they did; below, every skip with its reason, also of files that are no driver's. */
export function printMatrix(rows) {
  const drivers = rows.filter(({ driver }) => driver).sort((a, b) => a.name.localeCompare(b.name))
  if (drivers.length > 0) {
    const head = ['driver', 'PostgreSQL', 'pgmq', 'passed', 'failed', 'skipped', 'seconds']
    print([head, ...drivers.map(cellsOf)])
  }
  const reasons = reasonsOf(rows)
  if (reasons.length > 0) console.log('\nSkipped, and why:')
  for (const { reason, count, names } of reasons)
    console.log(`${String(count).padStart(6)}  ${reason}\n${' '.repeat(8)}in ${[...names].join(', ')}`)
}

function cellsOf({ name, postgres = '', pgmq = '', passed, failed, skips, seconds }) {
  return [name, postgres, pgmq, passed, failed, skips.length, seconds.toFixed(1)]
}

function print(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => String(line[column]).length)))
  const pad = (cell, column) =>
    typeof cell === 'number' || column > 2 ? String(cell).padStart(widths[column]) : String(cell).padEnd(widths[column])
  console.log(`\n${lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')}`)
}

/** The most frequent first. */
function reasonsOf(rows) {
  const reasons = new Map()
  for (const { name, skips } of rows) {
    for (const reason of skips) {
      const found = reasons.get(reason) ?? { reason, count: 0, names: new Set() }
      reasons.set(reason, found)
      found.count++
      found.names.add(name)
    }
  }
  return [...reasons.values()].sort((a, b) => b.count - a.count)
}
