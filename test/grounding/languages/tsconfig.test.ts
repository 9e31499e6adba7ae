import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, writeRepository } from '../repository-fixture.js'

const test = suite('tsconfig')

async function importsOf(path: string, files: Record<string, string>): Promise<string[]> {
  const { file } = await ground(writeRepository(files))
  return file(path).imports.map(describeImport)
}

test('paths are inherited through extends, each relative to the tsconfig that has it', async () => {
  const imports = await importsOf('apps/web/src/main.ts', {
    'apps/web/src/main.ts': "import '@lib/cart'\nimport '~/view'\nimport 'plain'\n",
    'apps/web/src/view.ts': 'export {}\n',
    'apps/web/src/plain.ts': 'export {}\n',
    'libs/cart/index.ts': 'export {}\n',
    'config/tsconfig.base.json': JSON.stringify({ compilerOptions: { paths: { '@lib/*': ['../libs/*'] } } }),
    'config/middle.json': '{ "extends": "./tsconfig.base" }',
    'apps/web/tsconfig.json': '{ "extends": "../../config/middle.json", "compilerOptions": { "baseUrl": "src" } }',
  })
  assert.equal(imports, [
    '@lib/cart {} -> libs/cart/index.ts',
    '~/view {} -> external ~',
    'plain {} -> apps/web/src/plain.ts',
  ])
})

test('of several tsconfigs that one extends the last wins, and its own paths replace all of them', async () => {
  const files = {
    'src/a.ts': "import '#x'\nimport '@/b'\n",
    'src/b.ts': 'export {}\n',
    'old/b.ts': 'export {}\n',
    'one.json': '{ "compilerOptions": { "paths": { "@/*": ["./old/*"] } } }',
    'two.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
  }
  const both = await importsOf('src/a.ts', { ...files, 'tsconfig.json': '{ "extends": ["./one.json", "./two.json"] }' })
  assert.is(both[1], '@/b {} -> src/b.ts')
  const own = await importsOf('src/a.ts', {
    ...files,
    'tsconfig.json': '{ "extends": "./two.json", "compilerOptions": { "paths": { "@/*": ["./old/*"] } } }',
  })
  assert.is(own[1], '@/b {} -> old/b.ts')
})

test('a tsconfig may extend one of a package of the repository, and may stand for its own folder', async () => {
  const imports = await importsOf('packages/app/main.ts', {
    'packages/app/main.ts': "import '@app/x'\n",
    'packages/app/lib/x.ts': 'export {}\n',
    'packages/app/tsconfig.json': '{ "extends": "@own/configs/base.json" }',
    'packages/configs/package.json': '{ "name": "@own/configs" }',
    'packages/configs/base.json': '{ "compilerOptions": { "paths": { "@app/*": ["${configDir}/lib/*"] } } }',
  })
  assert.equal(imports, ['@app/x {} -> packages/app/lib/x.ts'])
})

test('tsconfigs that extend each other in a circle, or what is not there, are read all the same', async () => {
  const imports = await importsOf('a.ts', {
    'a.ts': "import '@/b'\n",
    'b.ts': 'export {}\n',
    'tsconfig.json': '{ "extends": ["./other.json", "./gone.json", "not-here/tsconfig"] }',
    'other.json': '{ "extends": "./tsconfig.json", "compilerOptions": { "paths": { "@/*": ["./*"] } } }',
  })
  assert.equal(imports, ['@/b {} -> b.ts'])
})

test('a tsconfig that only refers to others beside it has their paths', async () => {
  const imports = await importsOf('src/a.ts', {
    'src/a.ts': "import '@/b'\n",
    'src/b.ts': 'export {}\n',
    'tsconfig.json':
      '{ "files": [], "references": [{ "path": "./tsconfig.node.json" }, { "path": "./tsconfig.app.json" }] }',
    'tsconfig.node.json': '{ "compilerOptions": { "strict": true } }',
    'tsconfig.app.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
  })
  assert.equal(imports, ['@/b {} -> src/b.ts'])
})

test('folders of rootDirs count as one for relative imports', async () => {
  const imports = await importsOf('src/views/a.ts', {
    'src/views/a.ts': "import './b'\nimport './c'\n",
    'made/views/b.ts': 'export {}\n',
    'tsconfig.json': '{ "compilerOptions": { "rootDirs": ["src", "made"] } }',
  })
  assert.equal(imports, ['./b {} -> made/views/b.ts', './c {} -> unresolved'])
})

test('packages of a workspace import each other by name, by subpath and by their exports', async () => {
  const imports = await importsOf('packages/app/src/main.ts', {
    'package.json': '{ "name": "root", "private": true, "workspaces": ["packages/*"] }',
    'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
    'packages/app/package.json': '{ "name": "@mono/app", "dependencies": { "@mono/core": "workspace:*" } }',
    'packages/app/src/main.ts':
      "import '@mono/core'\nimport '@mono/core/deep'\nimport '@mono/app/src/other'\nimport '@mono/none'\n",
    'packages/app/src/other.ts': 'export {}\n',
    'packages/core/package.json': JSON.stringify({
      name: '@mono/core',
      exports: { '.': './dist/index.js', './deep': { types: './dist/deep.d.ts', default: './dist/deep.js' } },
    }),
    'packages/core/src/index.ts': 'export {}\n',
    'packages/core/src/deep.ts': 'export {}\n',
  })
  assert.equal(imports, [
    '@mono/core {} -> packages/core/src/index.ts',
    '@mono/core/deep {} -> packages/core/src/deep.ts',
    '@mono/app/src/other {} -> packages/app/src/other.ts',
    '@mono/none {} -> external @mono/none',
  ])
})

test.run()
