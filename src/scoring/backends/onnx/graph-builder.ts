import { MessageWriter } from './protobuf.js'

/** `TensorProto.DataType`. */
export const elementType = { float32: 1, int32: 6, int64: 7, float16: 10, bfloat16: 16 } as const
type ElementType = (typeof elementType)[keyof typeof elementType]

/** An attribute: a whole number, a list of them, or a real number, which must be marked as such. */
type Attribute = number | number[] | { float: number }

/** A dimension: a size, or a name where it differs from run to run. */
type Dimension = number | string

/** Bytes of a file that are a tensor's elements. */
interface FileBytes {
  location: string
  start: number
  end: number
}

/** Versions that the file declares. The numbers below are the fields of onnx.proto. */
const irVersion = 10
const opsets = { '': 23, 'com.microsoft': 1 }

/** Collects an ONNX graph and writes it as the bytes of a ModelProto. Values are known by their names. */
export class GraphBuilder {
  readonly #graph = new MessageWriter()
  readonly #initializers = new Set<string>()

  constructor(name: string) {
    this.#graph.string(2, name)
  }

  input(name: string, type: ElementType, shape: Dimension[]): string {
    this.#graph.message(11, valueInfo(name, type, shape))
    return name
  }

  output(name: string, type: ElementType, shape: Dimension[]): void {
    this.#graph.message(12, valueInfo(name, type, shape))
  }

  /** Adds a node and gives the name of its first output. */
  node(
    operator: string,
    inputs: string[],
    outputs: [string, ...string[]],
    attributes: Record<string, Attribute> = {},
    domain: keyof typeof opsets = '',
  ): string {
    const node = new MessageWriter()
    for (const input of inputs) node.string(1, input)
    for (const output of outputs) node.string(2, output)
    node.string(3, outputs[0]).string(4, operator)
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value))
    if (domain !== '') node.string(7, domain)
    this.#graph.message(1, node)
    return outputs[0]
  }

  /** A tensor whose elements are in the model file itself. */
  constant(name: string, type: ElementType, shape: number[], elements: NodeJS.TypedArray): string {
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
    return this.#initializer(name, type, shape, (tensor) => tensor.bytes(9, bytes))
  }

  /** A tensor whose elements stay in another file. */
  external(name: string, type: ElementType, shape: number[], file: FileBytes): string {
    const entries = { location: file.location, offset: String(file.start), length: String(file.end - file.start) }
    return this.#initializer(name, type, shape, (tensor) => {
      for (const [key, value] of Object.entries(entries)) {
        tensor.message(13, new MessageWriter().string(1, key).string(2, value))
      }
      tensor.int(14, 1)
    })
  }

  finish(): Uint8Array {
    const model = new MessageWriter().int(1, irVersion).string(2, 'retrace').message(7, this.#graph)
    for (const [domain, version] of Object.entries(opsets)) {
      model.message(8, new MessageWriter().string(1, domain).int(2, version))
    }
    return model.finish()
  }

  #initializer(name: string, type: ElementType, shape: number[], fill: (tensor: MessageWriter) => void): string {
    if (this.#initializers.has(name)) return name
    this.#initializers.add(name)
    const tensor = new MessageWriter()
    for (const size of shape) tensor.int(1, size)
    tensor.int(2, type).string(8, name)
    fill(tensor)
    this.#graph.message(5, tensor)
    return name
  }
}

function valueInfo(name: string, type: ElementType, shape: Dimension[]): MessageWriter {
  const dimensions = new MessageWriter()
  for (const size of shape) {
    dimensions.message(
      1,
      typeof size === 'number' ? new MessageWriter().int(1, size) : new MessageWriter().string(2, size),
    )
  }
  const tensor = new MessageWriter().int(1, type).message(2, dimensions)
  return new MessageWriter().string(1, name).message(2, new MessageWriter().message(1, tensor))
}

function attribute(name: string, value: Attribute): MessageWriter {
  const writer = new MessageWriter().string(1, name)
  if (typeof value === 'number') return writer.int(3, value).int(20, 2)
  if (!Array.isArray(value)) return writer.float(2, value.float).int(20, 1)
  for (const item of value) writer.int(8, item)
  return writer.int(20, 7)
}
