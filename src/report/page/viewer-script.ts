/**
 * The script of the page. It reads the JSON block and shows one file's steps at a time.
 *
 * All text goes in as text nodes: nothing from a repository is ever parsed as markup. Kept as text since the project
 * is compiled without the types of a browser; the test compiles it.
 */
export const viewerScript = String.raw`
(() => {
  'use strict'
  const collapsedLines = 16
  const collapsedCharacters = 4000
  const byId = (id) => document.getElementById(id)
  const viewer = byId('viewer')
  if (viewer === null) return
  const { documents } = JSON.parse(byId('viewer-data').textContent)

  // Making elements: children are elements or text, and text stays text.
  const make = (tag, className, ...children) => {
    const element = document.createElement(tag)
    if (className !== '') element.className = className
    element.append(...children)
    return element
  }
  const draw = (tag, attributes, ...children) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
    element.append(...children)
    return element
  }
  const fixed = (value, digits) => value.toFixed(digits).replace('-', '\u2212')
  const signed = (value, digits) => (value > 0 ? '+' : '') + fixed(value, digits)
  const counted = (count, noun) => count.toLocaleString('en-US') + ' ' + noun + (count === 1 ? '' : 's')

  // Scores.
  const isScored = (candidate) => candidate.score !== null
  const baselineOf = (row) => row.candidates.find((one) => one.role === 'none' && isScored(one))
  const gainOfFile = (episode) => {
    let [sum, tokens] = [0, 0]
    for (const { row } of episode.steps) {
      if (row === null || row.chosen < 0 || !isScored(row.candidates[row.chosen])) continue
      const none = baselineOf(row)
      if (none === undefined) continue
      sum += row.candidates[row.chosen].score.sum - none.score.sum
      tokens += row.targetTokens
    }
    return tokens === 0 ? null : sum / tokens
  }
  const gainBar = (gain, most, className) => {
    const width = most === 0 ? 0 : (100 * Math.min(Math.abs(gain), most)) / most
    return draw('svg', { class: className, 'aria-hidden': 'true' },
      draw('rect', { class: 'gain-track', width: '100%', height: '100%', rx: 2 }),
      draw('rect', { class: gain < 0 ? 'gain-down' : 'gain-up', width: width + '%', height: '100%', rx: 2 }))
  }

  // Neighbouring segments of one origin, all trained or all not, are shown as one run.
  const partNames = ['open', 'thought', 'action', 'content', 'close']
  const runsOf = (parts) => {
    const runs = []
    for (const [name, segments] of parts) {
      for (const segment of segments) {
        if (segment.text === '') continue
        const label = name === 'content' && segment.origin !== 'draft' ? 'code' : segment.origin
        const last = runs[runs.length - 1]
        if (last !== undefined && last.label === label && last.trained === segment.trainable) last.segments.push(segment)
        else runs.push({ label, origin: segment.origin, trained: segment.trainable, segments: [segment] })
      }
    }
    return runs
  }
  const clipSegments = (segments) => {
    const shown = []
    let [lines, characters] = [collapsedLines, collapsedCharacters]
    for (const segment of segments) {
      let end = 0
      while (end < segment.text.length && end < characters && lines > 0) {
        const lineEnd = segment.text.indexOf('\n', end)
        end = Math.min(lineEnd === -1 ? segment.text.length : lineEnd + 1, characters)
        lines -= lineEnd === -1 || end <= lineEnd ? 0 : 1
      }
      characters -= end
      shown.push({ ...segment, text: segment.text.slice(0, end) })
      if (end < segment.text.length) return shown
    }
    return shown
  }
  const fillText = (pre, segments, isSlim) => {
    pre.replaceChildren(...segments.map(({ text, special }) =>
      special ? make('span', 'token', text) : document.createTextNode(isSlim ? text.replaceAll('\n', '\u21b5') : text)))
  }
  const renderRun = (run) => {
    const { label, origin, trained, segments } = run
    const isSlim = origin === 'template'
    const isProse = ['requirement', 'plan', 'thought'].includes(origin)
    const pre = make('pre', '')
    const said = make('div', 'said', pre)
    const length = (list) => list.reduce((sum, { text }) => sum + text.length, 0)
    const clipped = isProse ? segments : clipSegments(segments)
    fillText(pre, clipped, isSlim)
    if (length(clipped) < length(segments)) {
      const lines = segments.reduce((sum, { text }) => sum + text.split('\n').length - 1, 1)
      const showAll = 'Show all ' + (lines > collapsedLines ? counted(lines, 'line') : counted(length(segments), 'character'))
      const button = make('button', 'more', showAll)
      button.type = 'button'
      button.setAttribute('aria-expanded', 'false')
      button.addEventListener('click', () => {
        const isOpen = button.getAttribute('aria-expanded') === 'true'
        fillText(pre, isOpen ? clipped : segments, isSlim)
        button.textContent = isOpen ? showAll : 'Show less'
        button.setAttribute('aria-expanded', String(!isOpen))
      })
      said.append(button)
    }
    const state = trained ? 'trained' : 'not trained'
    const classes = ['run', 'o-' + origin, trained ? 'trained' : 'untrained', isSlim ? 'slim' : '', isProse ? 'prose' : '']
    return make('div', classes.filter(Boolean).join(' '), make('div', 'who', label, make('small', '', state)), said)
  }

  // What the search did at a thought: every candidate, the rejected ones with their words too.
  const roleNames = { none: 'no thought', other: 'another file\u2019s', first: 'first', candidate: 'rewrite' }
  const decisionNames = { gain: 'accepted', 'no-gain': 'no gain', leak: 'leaks code', 'too-long': 'too long',
    outdone: 'outdone', baseline: 'baseline', control: 'control', start: 'start' }
  const headings = ['Thought', 'Round', 'Log-prob. nats/token', 'Perplexity', 'Gain nats/token', 'Tokens', 'Shared run chars', 'Shared n-grams', 'Decision']
  const renderCandidate = (row, candidate, at, none, mostGain) => {
    const kept = at === row.chosen
    const scored = isScored(candidate)
    const mean = scored ? candidate.score.mean : 0
    const gain = scored && none !== undefined && candidate !== none ? mean - none.score.mean : null
    const perplexity = scored ? fixed(Math.exp(-mean), 3) : '\u2013'
    const change = gain === null ? '' : ' (' + signed(100 * (Math.exp(-gain) - 1), 1) + ' %)'
    const role = make('td', 'role', roleNames[candidate.role] ?? candidate.role)
    if (kept) role.append(make('span', 'kept-mark', 'kept'))
    const cells = [
      String(candidate.round),
      scored ? fixed(mean, 4) : '\u2013',
      perplexity + change,
      gain === null ? '\u2013' : signed(gain, 4),
      String(candidate.thoughtTokens),
      candidate.leak === null ? '\u2013' : String(candidate.leak.longestCommonChars),
      candidate.leak === null ? '\u2013' : fixed(100 * candidate.leak.containment, 1) + ' %',
    ].map((text, column) => {
      const cell = make('td', 'number', text)
      cell.dataset.label = headings[column + 1]
      if (column === 3 && gain !== null) cell.append(gainBar(gain, mostGain, 'gain-bar'))
      return cell
    })
    const decision = make('td', '', decisionNames[candidate.decision] ?? candidate.decision)
    decision.dataset.label = headings[8]
    const scores = make('tr', 'scores' + (kept ? ' kept' : ''), role, ...cells, decision)
    if (candidate.thought === null) return [scores]
    const words = make('td', '', candidate.thought.text)
    words.colSpan = headings.length
    return [scores, make('tr', 'words' + (kept ? ' kept' : ''), words)]
  }
  const renderSearch = (row) => {
    if (row.chosen < 0 || !isScored(row.candidates[row.chosen])) {
      return make('p', 'search', 'Not searched: ' + (row.outcome === 'too-long' ? 'the step does not fit the scorer\u2019s context' : 'nothing was scored')
        + ' (' + counted(row.view.prefixTokens, 'token') + ' before it, ' + counted(row.targetTokens, 'token') + ' of code).')
    }
    const none = baselineOf(row)
    const kept = row.candidates[row.chosen]
    const rewrites = row.candidates.filter((one) => one.role === 'candidate')
    const gains = row.candidates.filter((one) => none !== undefined && isScored(one)).map((one) => Math.abs(one.score.mean - none.score.mean))
    const summary = make('summary', '', 'Search: perplexity ')
    if (none !== undefined) summary.append(fixed(Math.exp(-none.score.mean), 2), ' \u2192 ')
    summary.append(make('b', '', fixed(Math.exp(-kept.score.mean), 2)))
    if (none !== undefined) summary.append(' (', make('b', '', signed(kept.score.mean - none.score.mean, 3)), ' nats/token)')
    summary.append(' \u00b7 ' + counted(rewrites.length, 'rewrite') + ', ' + rewrites.filter((one) => one.accepted).length + ' accepted')
    const details = make('details', 'search', summary)
    // The table is built when it is asked for: a long file has hundreds of candidates.
    details.addEventListener('toggle', () => {
      if (!details.open || details.children.length > 1) return
      const head = make('tr', '', ...headings.map((text, at) => make('th', at > 0 && at < 8 ? 'number' : '', text)))
      const body = row.candidates.flatMap((one, at) => renderCandidate(row, one, at, none, Math.max(0, ...gains)))
      const note = 'Scored over ' + counted(row.targetTokens, 'token') + ' of code (' + counted(row.targetBytes, 'byte') + ') behind '
        + counted(row.view.prefixTokens, 'token') + '. Gains are against no thought.'
      details.append(make('div', 'scroll', make('table', '', make('thead', '', head), make('tbody', '', ...body))), make('div', 'list-note', note))
    })
    return details
  }
  const renderStep = (step, at, count) => {
    const runs = runsOf(partNames.map((name) => [name, step.parts[name]])).map(renderRun)
    const title = make('h4', '', 'Step ' + (at + 1) + ' of ' + count)
    if (step.row !== null) {
      const thoughts = runs.filter((run) => run.classList.contains('o-thought'))
      const search = renderSearch(step.row)
      const place = runs.indexOf(thoughts[thoughts.length - 1])
      runs.splice(place === -1 ? runs.length : place + 1, 0, search)
    }
    return make('div', 'step', title, ...runs)
  }

  // The panes. Episode -1 is the head of the document.
  const files = byId('viewer-files')
  const steps = byId('viewer-steps')
  let current = documents[0]
  const showEpisode = (index) => {
    for (const button of files.querySelectorAll('button')) button.setAttribute('aria-current', String(button.dataset.episode === String(index)))
    if (index === -1) {
      const runs = runsOf([['header', current.header]]).map(renderRun)
      steps.replaceChildren(make('h3', '', 'Requirements and plan'), make('p', 'episode-note', 'What stands before the first step.'), make('div', 'step', ...runs))
      return
    }
    const episode = current.episodes[index]
    const searched = episode.steps.filter(({ row }) => row !== null && row.chosen >= 0).length
    const note = counted(episode.steps.length, 'step') + ', ' + counted(searched, 'thought') + ' searched'
    steps.replaceChildren(make('h3', '', episode.path), make('p', 'episode-note', note), ...episode.steps.map((step, at) => renderStep(step, at, episode.steps.length)))
  }
  const fileButton = (label, index, gain, mostGain) => {
    const path = make('span', 'path')
    const cut = label.lastIndexOf('/') + 1
    if (index >= 0 && cut > 0) path.append(make('span', 'folder', label.slice(0, cut)))
    path.append(index >= 0 ? label.slice(cut) : label)
    const button = make('button', '', path)
    if (index >= 0) {
      button.append(gain === null ? '' : gainBar(gain, mostGain, ''), make('span', 'gain', gain === null ? '\u2013' : signed(gain, 3)))
      if (gain === null) button.insertBefore(make('span', ''), button.lastChild)
      button.title = label + (gain === null ? ': not searched' : ': ' + signed(gain, 4) + ' nats per token of code')
    }
    button.type = 'button'
    button.dataset.episode = index
    button.addEventListener('click', () => {
      showEpisode(index)
      // The steps of the file before may have been scrolled through; on a phone they stand below the list.
      const { top } = steps.getBoundingClientRect()
      if (top < 0 || top > window.innerHeight * 0.8) steps.scrollIntoView()
    })
    return make('li', '', button)
  }
  const listFiles = () => {
    const wanted = byId('viewer-filter').value.toLowerCase()
    const gains = current.episodes.map(gainOfFile)
    const mostGain = Math.max(0, ...gains.map((gain) => Math.abs(gain ?? 0)))
    const found = current.episodes.map(({ path }, at) => ({ path, at })).filter(({ path }) => path.toLowerCase().includes(wanted))
    const head = wanted === '' ? [fileButton('Requirements and plan', -1, null, 0)] : []
    const note = found.length === 0 ? 'No file matches.' : 'Files in the order of writing. Bars: what the kept thoughts gain, nats per token of code.'
    files.replaceChildren(...head, ...found.map(({ path, at }) => fileButton(path, at, gains[at], mostGain)), make('li', 'list-note', note))
  }
  const showLegend = () => {
    const all = [current.header, ...current.episodes.flatMap(({ steps }) => steps.flatMap(({ parts }) => partNames.map((name) => parts[name])))].flat()
    const order = ['requirement', 'plan', 'thought', 'action', 'observation', 'draft', 'template']
    const present = order.filter((origin) => all.some((segment) => segment.origin === origin))
    const entries = present.map((origin) => make('li', '', make('span', 'key o-' + origin, origin)))
    byId('viewer-legend').replaceChildren(...entries, make('li', 'only-trained', make('span', 'key untrained', 'grey, dotted edge: not trained')))
  }
  const showDocument = (index) => {
    current = documents[index]
    byId('viewer-filter').value = ''
    showLegend()
    listFiles()
    // The first file with a searched thought says more than the first file.
    const telling = current.episodes.findIndex((episode) => gainOfFile(episode) !== null)
    showEpisode(telling === -1 ? Math.min(0, current.episodes.length - 1) : telling)
  }

  byId('viewer-document').append(...documents.map(({ name, episodes }, at) => {
    const option = make('option', '', name + ' (' + counted(episodes.length, 'file') + ')')
    option.value = at
    return option
  }))
  byId('viewer-document').addEventListener('change', (event) => showDocument(Number(event.target.value)))
  byId('viewer-filter').addEventListener('input', listFiles)
  byId('viewer-trained').addEventListener('change', (event) => viewer.classList.toggle('all-alike', !event.target.checked))
  files.addEventListener('keydown', (event) => {
    const to = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key]
    const next = to && event.target.closest('li')?.[to]?.querySelector('button')
    if (!next) return
    event.preventDefault()
    next.focus()
    next.click()
  })
  showDocument(0)
  viewer.hidden = false
})()
`
