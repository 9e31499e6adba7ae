import { formatBytes } from './format.js'
import { escapeJson } from './html.js'
import type { ViewerDocument } from './report-input.js'

/** The data that the page's script reads. */
interface ViewerData {
  documents: ViewerDocument[]
}

export interface ViewerSelection {
  data: ViewerData
  leftOut: { id: string; name: string; reason: string }[]
}

/** Takes documents in order and leaves out each with which the page's data would exceed `maxBytes` of UTF-8. */
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
