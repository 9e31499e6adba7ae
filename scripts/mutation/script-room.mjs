// Mutants of a room of src: made by the syntax tree, judged by the type checker, planted in the compiled code of a copy.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'
import { root } from '../setup.mjs'
import { listUnits, readTimes } from '../testing/units.mjs'
import { faultsOf } from './script-operators.mjs'

/** The type checker over src, with one file at a time replaced. */
function createChecker() {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  )
  const files = fileNames.filter((name) => relative(root, name).startsWith(`src${sep}`))
  const texts = new Map() // of replaced files
  const versions = new Map()
  const service = ts.createLanguageService({
    ...ts.sys,
    getCompilationSettings: () => ({ ...options, incremental: false, tsBuildInfoFile: undefined }),
    getScriptFileNames: () => files,
    getScriptVersion: (file) => String(versions.get(file) ?? 0),
    getScriptSnapshot: (file) => {
      const text = texts.get(file) ?? ts.sys.readFile(file)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => root,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  })
  const emitOptions = { ...options, module: ts.ModuleKind.ESNext, sourceMap: false, declaration: false }
  const setText = (file, text) => {
    if (text === null) texts.delete(file)
    else texts.set(file, text)
    versions.set(file, (versions.get(file) ?? 0) + 1)
  }
  return {
    files,
    program: service.getProgram(),
    compiles(file, text) {
      setText(file, text)
      const problems = [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)]
      setText(file, null)
      return problems.length === 0
    },
    // A single file is compiled without its package.json, which says that it is a module.
    emit: (file, text) => ts.transpileModule(text, { fileName: file, compilerOptions: emitOptions }).outputText,
  }
}

/** The compiled files that a compiled file names: its imports, and programs that it starts. */
function namedBy(file) {
  const names = [...readFileSync(file, 'utf8').matchAll(/['"`]([^'"`\s]+\.js)['"`]/g)].map(([, name]) => name)
  return names.map((name) => resolve(dirname(file), name)).filter((path) => existsSync(path))
}

/** Every compiled file that a compiled file leads to. */
function reachedFrom(file, namesOf) {
  const reached = new Set([file])
  for (const path of reached) {
    if (!namesOf.has(path)) namesOf.set(path, namedBy(path))
    for (const next of namesOf.get(path)) reached.add(next)
  }
  return reached
}

/**
 * The mutants of a room, or of all of them by the name `src`.
 * @param runAll whether tests that do not lead to the mutated file run as well
 */
export async function openScriptRoom(scratch, room, runAll) {
  const { files, program, compiles, emit } = createChecker()
  const folder = room === 'src' ? join(root, 'src') : join(root, 'src', room)
  const inRoom = files.filter((file) => file.startsWith(folder + sep))
  const compiledPath = (file) => join(scratch, 'dist', file.replace(/\.ts$/, '.js'))
  for (const file of inRoom) {
    const compiled = readFileSync(compiledPath(relative(root, file)), 'utf8').replace(/\/\/# sourceMappingURL.*/, '')
    if (emit(file, readFileSync(file, 'utf8')).trimEnd() !== compiled.trimEnd())
      throw new Error(`${relative(root, file)} is compiled to other code here than in dist`)
  }
  const mutants = inRoom.flatMap((file) => {
    const sourceFile = program.getSourceFile(file)
    return faultsOf(sourceFile, program.getTypeChecker()).map((fault) => ({
      ...fault,
      file: relative(root, file),
      line: sourceFile.getLineAndCharacterOfPosition(fault.start).line + 1,
      before: sourceFile.text.slice(fault.start, fault.end),
    }))
  })
  const mutated = ({ file, start, end, replacement }) => {
    const text = readFileSync(join(root, file), 'utf8')
    return text.slice(0, start) + replacement + text.slice(end)
  }

  const times = readTimes()
  const namesOf = new Map()
  const units = (await listUnits(join(scratch, 'dist', 'test'))).map((unit) => ({
    ...unit,
    cwd: scratch,
    seconds: times[unit.name],
    reached: reachedFrom(unit.args[0], namesOf),
  }))

  return {
    mutants,
    passingUnits: [],
    /** Plants a mutant, or says why it is none. */
    plant(mutant) {
      const [file, text] = [join(root, mutant.file), mutated(mutant)]
      if (!compiles(file, text)) return 'does not compile'
      const code = emit(file, text)
      if (code === emit(file, readFileSync(file, 'utf8'))) return 'is the same code'
      writeFileSync(compiledPath(mutant.file), code)
      return null
    },
    remove({ file }) {
      writeFileSync(compiledPath(file), readFileSync(join(root, 'dist', file.replace(/\.ts$/, '.js'))))
    },
    /** The tests that can see a mutant: those of its room first, and of these the quick ones. */
    unitsFor({ file }) {
      const ownFolder = file.split(sep)[1] + sep
      const isOwn = ({ name }) => name.startsWith(ownFolder)
      const cost = (unit) => (isOwn(unit) ? 0 : 1e6) + (unit.seconds ?? 60)
      return units
        .filter((unit) => runAll || isOwn(unit) || unit.reached.has(compiledPath(file)))
        .sort((a, b) => cost(a) - cost(b))
    },
  }
}

/** The rooms of src. */
export const scriptRooms = () =>
  readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
