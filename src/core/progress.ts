/** One stage of long work, counted in its own unit. */
export interface StageProgress {
  /** Reports `count` more units done; `facts` are what else is known at this point, in a few words. */
  advance(count?: number, facts?: string): void
  finish(): void
}

/** Where long work says how far it is. The command line draws it; the library never prints. */
export interface Progress {
  /** `total` and `unit` (plural noun) are for the rate and the time left; `done` counts what an earlier run finished. */
  stage(name: string, total: number, unit: string, done?: number): StageProgress
  /** One line that a person should see: a rejected repository, a choice that was made. */
  note(message: string): void
  /** One line for those who watch: how the work is done. Not shown where progress is not. */
  detail(message: string): void
}

export const silentProgress: Progress = {
  stage: () => ({ advance: () => {}, finish: () => {} }),
  note: () => {},
  detail: () => {},
}
