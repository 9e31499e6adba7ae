// A run or an ablation in pictures: records in, one self-contained HTML page out. Nothing here reads or writes files.
// The command line prints the figures of the search from the same `summarizeSearch`.
// To add a section: one file in sections/ (of an ablation: in ablation/) that makes markup with `html`, and its place in
// build-report.ts (build-ablation-report.ts).
export { verdictOf } from './ablation/verdict.js'
export { buildAblationReport } from './build-ablation-report.js'
export { buildReport } from './build-report.js'
export { summarizeSearch, type SearchSummary } from './search-summary.js'
export type {
  ReportRun,
  ReportInput,
  ReportLanguage,
  ReportRepository,
  ReportStage,
  ReportWriting,
  ViewerDocument,
} from './report-input.js'
