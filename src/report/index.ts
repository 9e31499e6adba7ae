// What happened in a run, in pictures: records of all stages in, one self-contained HTML page out.
// `buildReport` is pure; the pipeline gathers the records and writes the page. `summarizeSearch` has the figures of
// the search, so that the command line prints the same ones.
// To add a picture: one file in `sections/` that makes markup with `html`, and its place in `build-report.ts`.
export { buildAblationReport, verdictOf } from './ablation.js'
export { buildReport } from './build-report.js'
export { summarizeSearch, type CurvePoint, type SearchSummary } from './search-summary.js'
export type {
  ReportInput,
  ReportLanguage,
  ReportOptions,
  ReportReject,
  ReportRepository,
  ReportRun,
  ReportStage,
  ReportWriting,
  ViewerDocument,
  ViewerStep,
} from './report-input.js'
