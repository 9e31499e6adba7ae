import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A part of the network: programs with this environment reach one host and no other. */
export interface OneHost {
  environment: NodeJS.ProcessEnv
  /** The hosts that programs asked for in vain, each once. */
  refused(): string[]
  close(): void
}

/** Loaded by every Node program, since Node ignores the variables that name a proxy: only the proxy can be connected to. */
const guard = (port: number, log: string): string => `
  const { appendFileSync } = require('node:fs')
  const { Socket } = require('node:net')
  const { connect } = Socket.prototype
  Socket.prototype.connect = function (...given) {
    const first = Array.isArray(given[0]) ? given[0][0] : given[0]
    const to = typeof first === 'object' ? first : { port: first, host: given[1] }
    const isLocal = ['127.0.0.1', 'localhost', undefined].includes(to.host)
    if (to.path != null || (isLocal && Number(to.port) === ${port})) return connect.apply(this, given)
    appendFileSync(${JSON.stringify(log)}, to.host + '\\n')
    process.nextTick(() => this.destroy(new Error('refused by the test: ' + to.host)))
    return this
  }`

const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80))

/** Starts a proxy that lets only connections to the host of `address` pass. */
export async function allowOneHost(address: string): Promise<OneHost> {
  const allowed = new URL(address)
  const isAllowed = (to: URL): boolean => to.hostname === allowed.hostname && portOf(to) === portOf(allowed)
  const folder = mkdtempSync(join(tmpdir(), 'retrace-one-host-'))
  const log = join(folder, 'refused')
  writeFileSync(log, '')
  const refusedByProxy: string[] = []
  const sockets = new Set<Socket>()

  // An address in http comes as a whole request, one in https as CONNECT.
  const server = createServer((incoming, answer) => {
    const to = new URL(incoming.url ?? '', allowed)
    if (!isAllowed(to)) {
      refusedByProxy.push(to.hostname)
      answer.writeHead(403).end()
      return
    }
    const outgoing = httpRequest(to, { method: incoming.method, headers: incoming.headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(answer)
    })
    outgoing.on('error', () => answer.destroy())
    incoming.pipe(outgoing)
  })
  server.on('connection', (socket) =>
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket))),
  )
  server.on('connect', ({ url }, client: Socket, head) => {
    const to = new URL(`https://${url ?? ''}`)
    if (!isAllowed(to)) {
      refusedByProxy.push(to.hostname)
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    const target = connect(portOf(to), to.hostname, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      target.write(head)
      target.pipe(client).pipe(target)
    })
    target.on('error', () => client.destroy())
    client.on('error', () => target.destroy()).on('close', () => target.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const { port } = server.address() as AddressInfo
  const proxy = `http://127.0.0.1:${port}`
  const preload = join(folder, 'guard.cjs')
  writeFileSync(preload, guard(port, log))
  const proxyNames = [
    'http_proxy',
    'https_proxy',
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'npm_config_proxy',
    'npm_config_https_proxy',
  ]
  const noProxyNames = ['no_proxy', 'NO_PROXY', 'npm_config_noproxy']
  return {
    environment: {
      ...Object.fromEntries(proxyNames.map((name) => [name, proxy])),
      ...Object.fromEntries(noProxyNames.map((name) => [name, ''])),
      NODE_OPTIONS: `--require ${preload}`,
    },
    refused() {
      const byGuard = readFileSync(log, 'utf8').split('\n')
      return [...new Set([...refusedByProxy, ...byGuard])].filter((host) => host !== '').sort()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
