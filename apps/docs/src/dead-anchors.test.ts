import { expect, it } from 'vitest'
import { deadAnchors } from './dead-anchors.js'

const concepts = { address: '/concepts', html: '<h2 id="words">Words</h2> <a class="x" href="#words">here</a>' }

it('finds links to headings that are not there', () => {
  const page = {
    address: '/retries',
    html: '<a href="/concepts#words">1</a> <a href="/concepts#wrods">2</a> <a href="#no">3</a> <a href="/nowhere#x">4</a>',
  }
  expect(deadAnchors([concepts, page])).toEqual([
    '/retries: /concepts#wrods',
    '/retries: /retries#no',
    '/retries: /nowhere#x',
  ])
})

it('leaves other sites alone', () => {
  const page = { address: '/retries', html: '<a href="https://example.com/a#b">1</a>' }
  expect(deadAnchors([concepts, page])).toEqual([])
})
