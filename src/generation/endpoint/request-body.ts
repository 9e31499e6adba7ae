import type { CompletionRequest } from '../completion.js'
import type { AnswerFormat, EndpointOptions } from './options.js'

export type RequestBody = Record<string, unknown>

/** One form of a request: the body to send, and the format it asks for. The forms of a request differ only in that. */
export interface RequestForm {
  format: AnswerFormat
  body: RequestBody
}

/**
 * The body that is sent for a request. Its digest is the key of the call. Free text has the same body in every format.
 *
 * `stream` is given although `false` is the default: some servers have another default.
 */
export function requestBody(
  { messages, answer, maxNewTokens, seed }: CompletionRequest,
  options: Pick<EndpointOptions, 'model' | 'temperature' | 'topP' | 'maxTokensField'>,
  format: AnswerFormat,
): RequestBody {
  return {
    model: options.model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    [options.maxTokensField]: maxNewTokens,
    temperature: options.temperature,
    top_p: options.topP,
    seed,
    stream: false,
    ...(answer === null ? {} : responseFormat(answer, format)),
  }
}

function responseFormat(answer: NonNullable<CompletionRequest['answer']>, format: AnswerFormat): RequestBody {
  switch (format) {
    case 'json-schema': {
      const { name, schema } = answer
      return { response_format: { type: 'json_schema', json_schema: { name, strict: true, schema } } }
    }
    case 'json-object':
      return { response_format: { type: 'json_object' } }
    case 'none':
      return {}
  }
}
