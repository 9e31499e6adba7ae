import type { Node } from 'web-tree-sitter'
import { childrenOf, field } from '../../syntax/node.js'

/** Names that an export list, `export default x` or a CommonJS export makes public, anywhere in the file. */
export function exportedLater(statements: readonly Node[]): Set<string> {
  const names = new Set<string>()
  for (const statement of statements) {
    if (statement.type === 'export_statement' && field(statement, 'source') === null) {
      const value = field(statement, 'value')
      if (value?.type === 'identifier') names.add(value.text)
      for (const specifier of statement.descendantsOfType('export_specifier')) {
        if (specifier !== null) names.add(field(specifier, 'name')?.text ?? '')
      }
      const assigned = /^export\s*=\s*(\w+)/.exec(statement.text)?.[1]
      if (assigned !== undefined) names.add(assigned)
    }
    if (statement.type === 'expression_statement') for (const name of commonJsNames(statement)) names.add(name)
  }
  return names
}

function commonJsNames(statement: Node): string[] {
  const assignment = statement.namedChild(0)
  if (assignment?.type !== 'assignment_expression') return []
  const [left, right] = [field(assignment, 'left'), field(assignment, 'right')]
  if (left === null || right === null || !/^(module\.)?exports\b/.test(left.text)) return []
  if (right.type === 'identifier') return [right.text]
  if (right.type !== 'object') return []
  return childrenOf(right).flatMap((entry) => {
    const name = entry.type === 'pair' ? field(entry, 'value') : entry
    return name === null ? [] : [name.text]
  })
}
