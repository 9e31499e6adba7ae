// Small faults that a TypeScript file may get, found in its syntax tree.
import ts from 'typescript'

const swaps = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
  [ts.SyntaxKind.AsteriskToken, '/'],
  [ts.SyntaxKind.SlashToken, '*'],
  [ts.SyntaxKind.PlusEqualsToken, '-='],
  [ts.SyntaxKind.MinusEqualsToken, '+='],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
])
const largestCount = 10 // larger numbers are bounds, which hardly any input reaches

/** An empty value of a type, or null where none is as plain as that. */
function emptyOf(type, checker, text) {
  const isA = (flags) => (type.flags & flags) !== 0
  if (checker.isArrayType(type) || checker.isTupleType(type)) return '[]'
  if (isA(ts.TypeFlags.BooleanLike)) return `!(${text})`
  if (isA(ts.TypeFlags.StringLike)) return `''`
  if (isA(ts.TypeFlags.NumberLike)) return '0'
  const kinds = type.isUnion() ? type.types : []
  if (kinds.some(({ flags }) => flags & ts.TypeFlags.Null)) return 'null'
  return kinds.some(({ flags }) => flags & ts.TypeFlags.Undefined) ? 'undefined' : null
}

/** What may go wrong at one node: `[operator, the node or token, its replacement]`. */
function faultsAt(node, checker) {
  const text = node.getText()
  if (ts.isIfStatement(node) || ts.isWhileStatement(node))
    return [['negate a condition', node.expression, `!(${node.expression.getText()})`]]
  if (ts.isConditionalExpression(node))
    return [['negate a condition', node.condition, `!(${node.condition.getText()})`]]
  if (ts.isBinaryExpression(node) && swaps.has(node.operatorToken.kind))
    return [['swap an operator', node.operatorToken, swaps.get(node.operatorToken.kind)]]
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
    return [['negate a condition', node, node.operand.getText()]]
  if (ts.isNumericLiteral(node) && Number(text) <= largestCount)
    return [['change a number', node, text === '1' ? '0' : String(Number(text) + 1)]]
  if (node.kind === ts.SyntaxKind.TrueKeyword) return [['change a truth value', node, 'false']]
  if (node.kind === ts.SyntaxKind.FalseKeyword) return [['change a truth value', node, 'true']]
  if (
    ts.isExpressionStatement(node) ||
    ts.isContinueStatement(node) ||
    ts.isBreakStatement(node) ||
    ts.isThrowStatement(node)
  )
    return [['drop a statement', node, ';']]
  if (ts.isReturnStatement(node) && node.expression !== undefined) {
    const empty = emptyOf(checker.getTypeAtLocation(node.expression), checker, node.expression.getText())
    return empty === null ? [] : [['return something empty', node.expression, empty]]
  }
  if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.arguments?.length > 0) {
    const last = node.arguments.at(-1)
    const before = node.arguments.at(-2)
    return [['drop an argument', { getStart: () => before?.end ?? last.getStart(), end: last.end }, '']]
  }
  return []
}

const holdsNoCode = (node) =>
  ts.isTypeNode(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isImportDeclaration(node)

/** Every fault of a file: its operator, its range `[start, end)` in the text and the replacement. */
export function faultsOf(sourceFile, checker) {
  const faults = []
  const visit = (node) => {
    if (holdsNoCode(node)) return
    for (const [operator, place, replacement] of faultsAt(node, checker))
      faults.push({ operator, start: place.getStart(), end: place.end, replacement })
    ts.forEachChild(node, visit)
  }
  visit(sourceFile)
  return faults
}
