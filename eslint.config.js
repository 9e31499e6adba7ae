import tseslint from 'typescript-eslint'

const isPrivateKeyword = ['PropertyDefinition', 'MethodDefinition[kind!="constructor"]', 'TSParameterProperty']
  .map((node) => `${node}[accessibility="private"]`)
  .join(', ')

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'models/', 'runs/', '.retrace/', '.venv/', 'test/**/fixtures/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Constants too; snake_case is the spelling of foreign formats, whose fields are passed on by their names.
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'variableLike', format: ['camelCase', 'snake_case'], leadingUnderscore: 'allow' },
        { selector: 'variable', modifiers: ['destructured'], format: null },
        { selector: 'typeLike', format: ['PascalCase'] },
        { selector: 'classProperty', format: ['camelCase'] },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: isPrivateKeyword, message: 'Name it #name: private at run time too.' },
      ],
    },
  },
  { files: ['**/*.{js,mjs}'], extends: [...tseslint.configs.recommended] },
  {
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      'max-depth': ['warn', 4],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  // Only the command line talks to people; every other room returns values or reports progress.
  { files: ['src/**/*.ts'], ignores: ['src/cli/**'], rules: { 'no-console': 'error' } },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/suite.ts'],
    rules: {
      // Tests take functions off objects and call them as these.
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-imports': [
        'error',
        { name: 'uvu', message: 'Import from test/suite.ts: uvu alone loses failures.' },
      ],
    },
  },
)
