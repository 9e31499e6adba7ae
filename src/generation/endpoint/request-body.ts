import type { CompletionRequest } from '../completion.js'
import type { AnswerFormat, EndpointOptions } from './options.js'

export type RequestBody = Record<string, unknown>

/** A body to send, and what it asks the server to hold the answer to. */
export interface RequestForm {
  format: AnswerFormat
  body: RequestBody
}

/**
 * What is sent for a request: the whole of it, so that its digest names the call. Free text is the same in every format.
 *
 * `stream` is said although it is the default: some servers take another one.
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
