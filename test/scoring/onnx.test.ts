import { join } from 'node:path'
import { suite } from '../suite.js'
import { createScorer } from '../../src/scoring/index.js'
import { scorerContract } from './contract.js'

const modelDir = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures/tiny-llama')

const oneThread = suite('onnx, one thread')
scorerContract(oneThread, () => createScorer({ backend: 'onnx', modelDir }))
oneThread.run()

const twoThreads = suite('onnx, two threads')
scorerContract(twoThreads, () => createScorer({ backend: 'onnx', modelDir, threads: 2 }))
twoThreads.run()
