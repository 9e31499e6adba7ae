// Types, lint, format and all default tests: what must hold before a commit.
import { join } from 'node:path'
import { root, runOrExit, setup } from './setup.mjs'

setup()
const bin = (path) => join(root, 'node_modules', path)
runOrExit(process.execPath, [bin('eslint/bin/eslint.js'), '.'])
runOrExit(process.execPath, [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'])
runOrExit(process.execPath, ['scripts/test.mjs'])
