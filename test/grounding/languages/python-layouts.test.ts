import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, writeRepository } from '../repository-fixture.js'

const test = suite('python layouts')

async function importsOf(path: string, files: Record<string, string>): Promise<string[]> {
  const { file } = await ground(writeRepository(files))
  return file(path).imports.map(describeImport)
}

test('tests beside a src folder import the package in it', async () => {
  const imports = await importsOf('tests/conftest.py', {
    'tests/conftest.py': 'import shop\nfrom shop.cart import Cart\nimport pytest\n',
    'src/shop/__init__.py': '',
    'src/shop/cart.py': 'class Cart: pass\n',
    'pyproject.toml': '[project]\nname = "shop"\n',
  })
  assert.equal(imports, [
    'shop {*} -> src/shop/__init__.py',
    'shop.cart {Cart} -> src/shop/cart.py',
    'pytest {*} -> external pytest',
  ])
})

test('packages of a monorepo find their own modules first, then those of their neighbours', async () => {
  const imports = await importsOf('packages/web/tests/test_app.py', {
    'packages/web/tests/test_app.py': 'import web.app\nimport core.model\nfrom shared import helpers\n',
    'packages/web/pyproject.toml': '[project]\nname = "web"\n',
    'packages/web/src/web/__init__.py': '',
    'packages/web/src/web/app.py': '',
    'packages/web/src/shared/__init__.py': '',
    'packages/web/src/shared/helpers.py': '',
    'packages/core/pyproject.toml': '[project]\nname = "core"\n',
    'packages/core/src/core/__init__.py': '',
    'packages/core/src/core/model.py': '',
    'packages/core/src/shared/__init__.py': '',
    'packages/core/src/shared/helpers.py': '',
  })
  assert.equal(imports, [
    'web.app {*} -> packages/web/src/web/app.py',
    'core.model {*} -> packages/core/src/core/model.py',
    'shared {*} -> packages/web/src/shared/helpers.py',
  ])
})

test('a namespace package may be spread over several folders', async () => {
  const imports = await importsOf('packages/b/acme/b/run.py', {
    'packages/a/setup.py': 'from setuptools import setup\nsetup()\n',
    'packages/a/acme/a/__init__.py': 'X = 1\n',
    'packages/b/setup.py': 'from setuptools import setup\nsetup()\n',
    'packages/b/acme/b/__init__.py': '',
    'packages/b/acme/b/run.py': 'from acme import a\nfrom acme.a import X\nfrom acme import b\n',
  })
  assert.equal(imports, [
    'acme {*} -> packages/a/acme/a/__init__.py',
    'acme.a {X} -> packages/a/acme/a/__init__.py',
    'acme {*} -> packages/b/acme/b/__init__.py',
  ])
})

test('the folder of the packages is read from setup.cfg, setup.py, setuptools in pyproject.toml and Poetry', async () => {
  const manifests: Record<string, string>[] = [
    { 'setup.cfg': '[options]\npackage_dir =\n    = code/main\n' },
    { 'setup.cfg': '[options.packages.find]\nwhere = code/main\n' },
    { 'setup.py': "from setuptools import setup\nsetup(package_dir={'': 'code/main'})\n" },
    { 'setup.py': "from setuptools import setup, find_packages\nsetup(packages=find_packages('code/main'))\n" },
    { 'pyproject.toml': '[tool.setuptools.packages.find]\nwhere = ["code/main"]\n' },
    { 'pyproject.toml': '[tool.setuptools.package-dir]\n"" = "code/main"\n' },
    { 'pyproject.toml': '[tool.poetry]\npackages = [{ include = "deep", from = "code/main" }]\n' },
  ]
  for (const manifest of manifests) {
    const imports = await importsOf('run.py', {
      'run.py': 'from deep.space import probe\n',
      // Without an __init__.py, only the manifest shows where the package starts.
      'code/main/deep/space/probe.py': '',
      ...manifest,
    })
    assert.equal(imports, ['deep.space {*} -> code/main/deep/space/probe.py'], JSON.stringify(manifest))
  }
})

test('a package may stand in a folder of another name', async () => {
  const imports = await importsOf('tests/test_it.py', {
    'tests/test_it.py': 'import shiny.core\nfrom shiny import VERSION\n',
    'source/__init__.py': 'VERSION = 1\n',
    'source/core.py': '',
    'setup.py': "from setuptools import setup\nsetup(packages=['shiny'], package_dir={'shiny': 'source'})\n",
  })
  assert.equal(imports, ['shiny.core {*} -> source/core.py', 'shiny {VERSION} -> source/__init__.py'])
})

test('a manifest cannot lead out of the repository', async () => {
  const imports = await importsOf('run.py', {
    'run.py': 'import secret\n',
    'pyproject.toml': '[tool.setuptools.packages.find]\nwhere = ["../../elsewhere"]\n',
  })
  assert.equal(imports, ['secret {*} -> external secret'])
})

test.run()
