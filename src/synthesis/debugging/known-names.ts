import type { SourceLanguage } from '../../grounding/index.js'

// Names that need no import. The lists are fixed, because the platform that runs a check must not change its output.

const words = (text: string): string[] => text.trim().split(/\s+/)

export const scriptNames: ReadonlySet<string> = new Set(
  words(`
    AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError
    FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array
    Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set
    SharedArrayBuffer String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array
    Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly arguments decodeURI decodeURIComponent encodeURI
    encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape this super
    AsyncDisposableStack DisposableStack SuppressedError async of get set static as

    Awaited Capitalize ConstructorParameters Exclude Extract InstanceType Iterable IterableIterator AsyncIterable
    AsyncIterator AsyncGenerator Generator Lowercase NoInfer NonNullable Omit OmitThisParameter Parameters Partial Pick
    PromiseLike PromiseSettledResult PropertyKey Readonly ReadonlyArray ReadonlyMap ReadonlySet Record Required
    ReturnType ThisParameterType ThisType Uncapitalize Uppercase ArrayLike ArrayBufferLike ArrayBufferView
    ArrayBufferLike BufferSource BodyInit RequestInit ResponseInit HeadersInit NodeJS Symbol Thenable
    any await bigint boolean number object string symbol unknown void never null new target let yield type

    AbortController AbortSignal Blob BroadcastChannel Buffer ByteLengthQueuingStrategy CompressionStream
    CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DecompressionStream Event EventSource EventTarget
    File FormData Headers MessageChannel MessageEvent MessagePort Performance ReadableStream Request Response
    SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream URL URLSearchParams
    URLPattern WebSocket WritableStream __dirname __filename atob btoa clearImmediate clearInterval clearTimeout
    console crypto exports fetch global module navigator performance process queueMicrotask require setImmediate
    setInterval setTimeout structuredClone gc

    ActiveXObject Audio CSS Document DocumentFragment Element FileReader FontFace Image ImageData
    IntersectionObserver KeyboardEvent MouseEvent MutationObserver Node NodeFilter NodeList Notification Option
    PointerEvent Range ResizeObserver Selection ShadowRoot SharedWorker Storage Text TouchEvent Window Worker
    XMLHttpRequest XMLSerializer XPathResult addEventListener alert blur cancelAnimationFrame cancelIdleCallback
    chrome browser close closed confirm customElements dispatchEvent document event external focus frames
    getComputedStyle getSelection history importScripts indexedDB innerHeight innerWidth length localStorage
    location matchMedia name onmessage open opener origin outerHeight outerWidth pageXOffset pageYOffset parent
    postMessage print prompt removeEventListener reportError requestAnimationFrame requestIdleCallback screen screenX
    screenY scroll scrollBy scrollTo scrollX scrollY self sessionStorage setInterval stop top trustedTypes window
    caches clients registration skipWaiting

    $ $$ Bun Deno EdgeRuntime HTMLRewriter YUI Zone __DEV__ __proto__ afterAll afterEach angular after assert
    backbone before beforeAll beforeEach bench chai context cy Cypress define describe done expect expectTypeOf fail
    fdescribe fit goog it jasmine java jest jQuery load mocha pending print printErr phantom playwright
    process QUnit quit read readline requirejs should sinon specify spyOn suite suiteSetup suiteTeardown setup suite
    teardown test ts ko Ember Backbone vi xdescribe xit xtest React JSX Prototype WScript Packages importClass
    system artifacts web3 contract PromiseRejectionEvent ErrorEvent CloseEvent ProgressEvent
  `),
)

/** Prefixes of names that browsers provide. */
export const scriptPattern =
  /^(HTML|SVG|WebGL|GPU|RTC|IDB|CSS|XML|DOM|Media|Audio|Canvas|Performance|Readable|Writable|Transform|Speech|Web|__)\w*$/

export const pythonNames: ReadonlySet<string> = new Set(
  words(`
    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError
    BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError
    ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception
    ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError
    ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
    KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError None NotADirectoryError NotImplemented
    NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError
    PythonFinalizationError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration
    SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError True TypeError UnboundLocalError
    UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError
    Warning WindowsError ZeroDivisionError abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable
    chr classmethod compile complex copyright credits delattr dict dir divmod enumerate eval exec exit filter float
    format frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter len license list
    locals map max memoryview min next object oct open ord pow print property quit range repr reversed round set
    setattr slice sorted staticmethod str sum super tuple type vars zip reveal_type reveal_locals self cls

    _ StandardError apply basestring buffer cmp coerce execfile file intern long raw_input reduce reload unichr
    unicode xrange ngettext
  `),
)

/** The most used packages of Go's standard library, without names that two packages share (`rand`, `template`). */
export const goPackages: ReadonlySet<string> = new Set(
  words(`
    bufio bytes context encoding/base64 encoding/binary encoding/hex encoding/json encoding/xml errors flag fmt io
    io/ioutil log math math/big math/bits net net/http net/http/httptest net/url os os/exec os/signal path
    path/filepath reflect regexp runtime sort strconv strings sync sync/atomic testing time unicode unicode/utf8 unsafe
  `),
)

/** Names of standard libraries that a file has to import before it uses them. */
export const standardNames: Partial<Record<SourceLanguage, ReadonlySet<string>>> = {
  go: new Set([...goPackages].map((path) => path.slice(path.lastIndexOf('/') + 1))),
  java: new Set(
    words(`
      ArrayDeque ArrayList Arrays Callable Collection Collections Collectors Comparator ConcurrentHashMap Deque EnumMap
      EnumSet Enumeration ExecutorService Executors File FileInputStream FileOutputStream HashMap HashSet IOException
      InputStream InputStreamReader Iterator LinkedHashMap LinkedHashSet LinkedList List ListIterator Locale Map
      NoSuchElementException Objects OutputStream Pattern Properties Set SortedMap StandardCharsets TimeUnit TreeMap
      TreeSet UUID
    `),
  ),
  rust: new Set(
    words(`
      Arc AtomicBool AtomicUsize BTreeMap BTreeSet BinaryHeap BufReader BufWriter Cell Cow Duration HashMap HashSet
      Instant Mutex NonNull OsStr OsString Path PathBuf PhantomData Rc RefCell RwLock SystemTime UnsafeCell VecDeque
    `),
  ),
  php: new Set(
    words(`
      ArrayAccess ArrayIterator ArrayObject BadMethodCallException Closure Countable DateInterval DateTime
      DateTimeImmutable DateTimeInterface DateTimeZone DomainException ErrorException Exception Generator
      InvalidArgumentException Iterator IteratorAggregate JsonSerializable LogicException OutOfBoundsException
      ReflectionClass ReflectionException ReflectionMethod RuntimeException SplObjectStorage Throwable Traversable
      UnexpectedValueException
    `),
  ),
}
