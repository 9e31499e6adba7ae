// The CUDA device's entry point: opening, closing, facts, and the table of its functions.
//
// Every function of the table comes through `enter`: it keeps a device that was lost away from CUDA, makes the device's
// GPU the current one of the calling thread, and lets no exception out.
#include "cuda_device.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

namespace retrace::cuda {
namespace {

cuda_device &device_of(retrace_device *device) { return *reinterpret_cast<cuda_device *>(device); }
const cuda_device &device_of(const retrace_device *device) { return *reinterpret_cast<const cuda_device *>(device); }

template <class Body>
int enter(retrace_device *device, Body body) {
  cuda_device &d = device_of(device);
  if (d.errors.is_lost()) return RETRACE_DEVICE_IS_LOST;
  try {
    RETRACE_CUDA_CHECK(d.errors, cudaSetDevice(d.ordinal));
    return body(d);
  } catch (const std::bad_alloc &) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_OUT_OF_MEMORY, "Out of host memory. Free some and try again.");
  } catch (const std::exception &error) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_CALL_FAILED, "%s. Report it with this line.", error.what());
  }
}

// ---- opening ------------------------------------------------------------------------------------

// Empty, or the first figure of the shape that the kernels cannot do.
std::string why_not_shape(const retrace_shape &s) {
  const auto figure = [](const char *name, int64_t value, const char *expected) {
    return std::string("The model's ") + name + " is " + std::to_string(value) + ", and the CUDA kernels need " +
           expected + ". Use the device cpu.";
  };
  const int32_t d = s.head_size;
  if (d != 16 && d != 32 && d != 64 && d != 128) return figure("head size", d, "16, 32, 64 or 128");
  if (s.hidden_size < 8 || s.hidden_size % 8 != 0) return figure("hidden size", s.hidden_size, "a multiple of 8");
  if (s.intermediate_size < 8 || s.intermediate_size % 8 != 0) {
    return figure("intermediate size", s.intermediate_size, "a multiple of 8");
  }
  if (s.heads < 1) return figure("number of heads", s.heads, "1 or more");
  if (s.kv_heads < 1 || s.heads % s.kv_heads != 0) {
    return figure("number of key-value heads", s.kv_heads, "a divisor of the number of heads");
  }
  if (s.layers < 1) return figure("number of layers", s.layers, "1 or more");
  if (s.vocabulary_size < 1) return figure("vocabulary", s.vocabulary_size, "1 token or more");
  if (s.context_length < 1) return figure("context length", s.context_length, "1 token or more");
  return "";
}

int open_plugin(cuda_device &d) {
  retrace_attention_setup setup{};
  setup.shape = d.shape;
  setup.page_tokens = page_tokens;
  setup.ordinal = d.ordinal;
  setup.stream = d.stream;
  std::string why;
  const int status = d.plugin.open("libretrace_cudnn.so", setup, &why);
  if (status == RETRACE_DEVICE_OK) return status;
  return RETRACE_CUDA_FAIL(d.errors, static_cast<retrace_device_status>(status), "%s", why.c_str());
}

int open_library(cuda_device &d) {
  d.library = cublaslt::open(&d.library_note);
  if (d.library != nullptr || !d.choice.gemm_is_named) return RETRACE_DEVICE_OK;
  return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                           "The kernels \"cublaslt\" were asked for: %s. Or choose \"auto\".", d.library_note.c_str());
}

int set_up(cuda_device &d, const retrace_device_options &options) {
  d.shape = options.shape;
  d.ordinal = options.ordinal;
  if (const std::string why = why_not_shape(d.shape); !why.empty()) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED, "%s", why.c_str());
  }
  if (options.page_tokens != 0 && options.page_tokens != page_tokens) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                             "Pages of %d tokens: the CUDA kernels have pages of %d. Leave pageTokens out.",
                             options.page_tokens, page_tokens);
  }
  cudaDeviceProp properties{};
  RETRACE_PASS_ON(check_gpu(d.errors, d.ordinal, &properties));
  d.name = properties.name;
  d.total_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  // The kernels of sm_90a ask the current GPU.
  RETRACE_CUDA_CHECK(d.errors, cudaSetDevice(d.ordinal));
  const std::string why = choose_kernels(options.kernels, {properties.major, properties.minor}, d.shape, &d.choice);
  if (!why.empty()) return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED, "%s", why.c_str());

  // A stream that waits for the default stream, on which a caller may just have made the weights it hands over.
  RETRACE_CUDA_CHECK(d.errors, cudaStreamCreate(&d.stream));
  if (d.choice.gemm == gemm_kind::cublaslt) RETRACE_PASS_ON(open_library(d));
  if (d.choice.attention == attention_kind::plugin) RETRACE_PASS_ON(open_plugin(d));
  return choose_attention(d);
}

void close_device(cuda_device *d) {
  // Libraries would meet the sticky error in their own ways, so what is lost is left to the end of the process.
  if (d->errors.is_lost()) {
    (void)d->library.release();
  } else {
    if (cudaSetDevice(d->ordinal) != cudaSuccess) (void)cudaGetLastError();
    if (d->stream != nullptr && cudaStreamSynchronize(d->stream) != cudaSuccess) (void)cudaGetLastError();
    d->plugin.close();
    release_everything(*d);
    d->library.reset();
    if (d->stream != nullptr && cudaStreamDestroy(d->stream) != cudaSuccess) (void)cudaGetLastError();
  }
  delete d;
}

int open(const retrace_device_options *options, retrace_device **device, retrace_device_error *error) {
  *device = nullptr;
  cuda_device *d = nullptr;
  int status = RETRACE_DEVICE_OUT_OF_MEMORY;
  try {
    d = new cuda_device;
    status = set_up(*d, *options);
  } catch (const std::exception &) {
    if (d != nullptr) status = RETRACE_CUDA_FAIL(d->errors, RETRACE_DEVICE_OUT_OF_MEMORY, "Out of host memory.");
  }
  if (status == RETRACE_DEVICE_OK) {
    *device = reinterpret_cast<retrace_device *>(d);
    return status;
  }
  if (error != nullptr && d != nullptr) *error = d->errors.last();
  if (d != nullptr) close_device(d);
  return status;
}

// ---- facts --------------------------------------------------------------------------------------

std::string describe_gemm(const cuda_device &d) {
  if (d.choice.gemm == gemm_kind::portable) return "mma.sync";
  if (d.choice.gemm == gemm_kind::cublaslt && d.library == nullptr) return "mma.sync (" + d.library_note + ")";
  const std::string wanted =
      d.choice.gemm == gemm_kind::hopper ? "wgmma" : std::string("cuBLASLt ") + d.library->version();
  if (d.products[0].n == 0) return wanted + " where a trial allows it";
  static const char *const names[] = {"qkv", "output", "gate-up", "down"};
  std::string refused;
  const char *reason = nullptr;
  for (int i = 0; i < 4; i++) {
    if (d.products[i].refused == nullptr) continue;
    refused += (refused.empty() ? "" : "+") + std::string(names[i]);
    reason = d.products[i].refused;
  }
  return refused.empty() ? wanted : wanted + " but " + refused + " mma.sync (" + reason + ")";
}

std::string describe_kernels(const cuda_device &d) {
  std::string attention = d.choice.attention == attention_kind::hopper ? "wgmma" : "mma.sync";
  if (d.plugin.is_open()) attention = d.plugin.api()->name;
  if (d.attention_refused != nullptr) attention += std::string(" (not wgmma: ") + d.attention_refused + ")";
  return "gemm " + describe_gemm(d) + ", attention " + attention + ", head mma.sync";
}

int facts(cuda_device &d, retrace_device_facts *out) {
  *out = {};
  size_t free_bytes = 0, total_bytes = 0;
  RETRACE_CUDA_CHECK(d.errors, cudaMemGetInfo(&free_bytes, &total_bytes));
  std::snprintf(out->name, sizeof out->name, "%.127s", d.name.c_str());
  std::snprintf(out->kernels, sizeof out->kernels, "%s", describe_kernels(d).c_str());
  out->activation_bytes = sizeof(bf16);
  out->computes_bf16 = 1;
  out->page_tokens = page_tokens;
  out->attention_tile_rows =
      d.choice.attention == attention_kind::hopper ? hopper_attention_tile_rows : attention_tile_rows;
  out->row_multiple = row_multiple;
  out->total_bytes = d.total_bytes;
  out->free_bytes = static_cast<int64_t>(free_bytes);
  return RETRACE_DEVICE_OK;
}

// ---- the table ----------------------------------------------------------------------------------

size_t weight_bytes(int64_t rows, int64_t columns) {
  return static_cast<size_t>(round_up(rows * columns * int64_t(sizeof(bf16)), 256));
}

// A function of the table that has its name in this namespace: it enters and hands its arguments on.
template <auto function, class... Arguments>
int entered(retrace_device *device, Arguments... arguments) {
  return enter(device, [&](cuda_device &d) { return function(d, arguments...); });
}

retrace_device_api make_table() {
  retrace_device_api t{};
  t.abi = RETRACE_DEVICE_ABI;
#ifdef RETRACE_EMULATOR
  t.name = "emulated";
#else
  t.name = "cuda";
#endif
  t.probe = [](char *json, size_t capacity) {
    try {
      probe(json, capacity);
    } catch (const std::exception &) {
      if (capacity > 0) std::snprintf(json, capacity, "{\"count\": 0, \"devices\": [], \"error\": \"out of memory\"}");
    }
  };
  t.open = open;
  t.close = [](retrace_device *device) {
    if (device != nullptr) close_device(&device_of(device));
  };
  t.last_error = [](const retrace_device *device) { return &device_of(device).errors.last(); };
  t.facts = entered<facts>;
  t.allocate = entered<allocate>;
  t.release = [](retrace_device *device, void *memory) {
    enter(device, [&](cuda_device &d) {
      release(d, memory);
      return RETRACE_DEVICE_OK;
    });
  };
  t.upload = entered<upload>;
  t.download = entered<download>;
  t.synchronize = entered<synchronize>;
  t.cache_bytes = [](retrace_device *device, int64_t pages) { return cache_bytes(device_of(device), pages); };
  t.make_cache = entered<make_cache>;
  t.workspace_bytes = [](retrace_device *device, int64_t rows, int64_t targets) {
    return workspace_bytes(device_of(device), rows, targets);
  };
  t.make_workspace = entered<make_workspace>;
  t.set_rotary = entered<set_rotary>;
  t.weight_bytes = [](retrace_device *, int64_t rows, int64_t columns) { return weight_bytes(rows, columns); };
  t.write_weight = entered<write_weight>;
  t.randomize_weight = entered<randomize_weight>;
  t.embed = entered<embed>;
  t.rms_norm = entered<rms_norm>;
  t.gemm = entered<gemm>;
  t.rope_and_store = entered<rope_and_store>;
  t.attention = entered<attention>;
  t.gather_rows = entered<gather_rows>;
  t.store_hidden = entered<store_hidden>;
  t.copy_page_rows = entered<copy_page_rows>;
  t.head = entered<head>;
  return t;
}

}  // namespace
}  // namespace retrace::cuda

extern "C" __attribute__((visibility("default"))) const retrace_device_api *retrace_device_entry_point(uint32_t abi) {
  static const retrace_device_api table = retrace::cuda::make_table();
  return abi == RETRACE_DEVICE_ABI ? &table : nullptr;
}
