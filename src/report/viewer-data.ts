import { formatBytes } from './format.js'
import { escapeJson } from './html.js'
import type { ViewerDocument } from './report-input.js'

/** What the page's script reads. */
export interface ViewerData {
  documents: ViewerDocument[]
}

export interface ViewerSelection {
  data: ViewerData
  leftOut: { id: string; name: string; reason: string }[]
}

/** Takes the documents in order, leaving out each that would bring the page's data above the cap (bytes of UTF-8). */
export function selectForViewer(documents: Iterable<ViewerDocument>, maxBytes: number): ViewerSelection {
  const selection: ViewerSelection = { data: { documents: [] }, leftOut: [] }
  let used = 0
  for (const document of documents) {
    const sizeBytes = Buffer.byteLength(escapeJson(document))
    if (used + sizeBytes > maxBytes) {
      const reason = `${formatBytes(sizeBytes)}; ${formatBytes(used)} of the ${formatBytes(maxBytes)} that the page may hold were taken`
      selection.leftOut.push({ id: document.id, name: document.name, reason })
      continue
    }
    used += sizeBytes
    selection.data.documents.push(document)
  }
  return selection
}
