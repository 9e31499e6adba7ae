/** The models in the paper's main table. */
export const paperColumns = ['Raw-Repos', 'Repo2Agent', 'Repo2Agent-Search', 'ProLong'] as const

/** The paper's benchmark results (arXiv 2603.11103), in percent; `null` where we know of none. */
export const paperFigures = [
  { key: 'ruler-64k', title: 'RULER 64k', values: [61.0, null, 61.8, 57.1] },
  { key: 'helmet-32k', title: 'HELMET 32k', values: [60.98, null, 62.65, 61.57] },
  { key: 'humaneval', title: 'HumanEval', values: [34.76, 36.59, 37.2, 16.46] },
  { key: 'longcodebench-32k', title: 'LongCodeBench 32k', values: [34.16, null, 36.46, 29.38] },
  { key: 'longcodebench-64k', title: 'LongCodeBench 64k', values: [27.37, 31.05, 30.26, 30.52] },
  { key: 'bbh', title: 'BBH', values: [66.27, null, 67.03, 66.69] },
  { key: 'math', title: 'MATH', values: [2.18, 3.72, 3.76, 1.64] },
  { key: 'gsm8k', title: 'GSM8K', values: [61.94, 61.94, 60.96, null] },
  { key: 'aptbench', title: 'APTBench', values: [29.02, 30.1, 29.65, null] },
] as const satisfies readonly { key: string; title: string; values: readonly (number | null)[] }[]

export type PaperKey = (typeof paperFigures)[number]['key']
