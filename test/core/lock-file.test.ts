import { existsSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { isLockHeld, takeLockFile, touchLockFile } from '../../src/core/index.js'

const test = suite('lock file')

const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'retrace-lock-')), 'lock')

test('a lock is held by one until that one lets it go', () => {
  const path = newPath()
  assert.not(isLockHeld(path))
  const letGo = takeLockFile(path)
  assert.ok(letGo !== null && isLockHeld(path))
  assert.is(takeLockFile(path), null)
  letGo()
  assert.not(existsSync(path))
  assert.is.not(takeLockFile(path), null)
})

test('the lock of a process that is gone is taken over, and that of one that lives is not', () => {
  const path = newPath()
  writeFileSync(path, `99999999 ${hostname()} 1`)
  assert.not(isLockHeld(path))
  assert.is.not(takeLockFile(path), null)
  assert.ok(readFileSync(path, 'utf8').startsWith(`${process.pid} `))
  const other = newPath()
  // The process that started this one, with no word on when it began.
  writeFileSync(other, `${process.ppid} ${hostname()}`)
  assert.is(takeLockFile(other), null)
})

test('the lock of another machine is believed for as long as it is touched', () => {
  const path = newPath()
  writeFileSync(path, '1 some-other-machine 1')
  const anHourAgo = new Date(Date.now() - 3_600_000)
  utimesSync(path, anHourAgo, anHourAgo)
  assert.ok(isLockHeld(path))
  assert.is(takeLockFile(path), null)
  touchLockFile(path)
  assert.is(takeLockFile(path, 60_000), null)
  utimesSync(path, anHourAgo, anHourAgo)
  assert.not(isLockHeld(path, 60_000))
  assert.is.not(takeLockFile(path, 60_000), null)
})

test('touching a lock that somebody removed does nothing', () => {
  const path = newPath()
  touchLockFile(path)
  assert.not(existsSync(path))
})

test.run()
