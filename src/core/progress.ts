/** One stage of long work, counted in its own unit. */
export interface StageProgress {
  /** Reports `count` more finished units; `facts` says in a few words what else is known at this point. */
  advance(count?: number, facts?: string): void
  finish(): void
}

/** Where long work reports how far it is. The command line draws it; the library never prints. */
export interface Progress {
  /** `total` and `unit` (a plural noun) are for the rate and the time left; `done` units were finished by an earlier run. */
  stage(name: string, total: number, unit: string, done?: number): StageProgress
  /** A line that a person should see: a rejected repository, a choice that was made. */
  note(message: string): void
  /** A line about how the work is done, for those who watch. Not shown where progress is not shown. */
  detail(message: string): void
}

export const silentProgress: Progress = {
  stage: () => ({ advance: () => {}, finish: () => {} }),
  note: () => {},
  detail: () => {},
}
