// cuDNN's attention behind the interface of `attention_plugin.h`: libretrace_cudnn.so.
//
// A batch costs one upload of index tensors, in its first layer; the other layers find the same segments and upload
// nothing. Each layer then clears what is not finite behind the segments' last keys and runs one graph, or several
// where there are more than 256 sequences.
//
// Shapes: M rows of a batch, H heads, G key-value heads, D head size, P pages, T tokens of a page.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "attention_plugin.h"
#include "cuda_error.h"
#include "cudnn_attention.h"
#include "cudnn_library.h"
#include "cudnn_sequences.h"
#include "cudnn_tails.h"

namespace retrace::cudnn {
namespace {

// With the version once it is known: the device asks for the name after `open`.
char display_name[64] = "cuDNN";

constexpr const char *otherwise = "leave \"cudnn\" out of the choice of kernels";

// Memory that the device handed over, cut into its three uses.
struct workspace_parts {
  size_t index, tails, library;

  workspace_parts(int64_t rows, int32_t table_width, int64_t library_bytes) {
    index = static_cast<size_t>(largest_index_size(rows, table_width)) * sizeof(int32_t);
    tails = static_cast<size_t>(round_up(std::max<int64_t>(rows, 1) * int64_t(sizeof(page_tail)), 256));
    library = static_cast<size_t>(round_up(std::max<int64_t>(library_bytes, 1), 256));
  }
  size_t sum() const { return index + tails + library; }
};

bool is_same(const std::vector<retrace_segment> &a, const retrace_segment *b, size_t count) {
  return a.size() == count && (count == 0 || std::memcmp(a.data(), b, count * sizeof *b) == 0);
}

}  // namespace

class plugin {
 public:
  int open(const retrace_attention_setup &setup);
  size_t workspace_bytes(int64_t rows) const;
  int use_workspace(int64_t rows, void *memory, size_t bytes);
  int attend(const retrace_attention_call &call);

  cuda::failures errors;

 private:
  std::string why_not_shape() const;
  int plan_graphs();
  int check_batch(const retrace_attention_call &call);
  int prepare(const retrace_attention_plan &plan);
  int library_failure(const std::string &words);

  cudaStream_t stream() const { return static_cast<cudaStream_t>(setup_.stream); }

  retrace_attention_setup setup_{};
  attention_graphs graphs_;
  attention_shape shape_{};
  index_rules rules_{};

  int64_t rows_ = 0;
  char *memory_ = nullptr;
  // What lies in device memory, and the segments that it was made of.
  std::vector<retrace_segment> segments_;
  std::vector<int32_t> page_table_;
  index_tensors index_;
  int32_t tail_count_ = 0;
};

std::string plugin::why_not_shape() const {
  const retrace_shape &s = setup_.shape;
  const int32_t t = setup_.page_tokens;
  if (s.head_size < 8 || s.head_size % 8 != 0 || s.head_size > 256) {
    return "a head size of " + std::to_string(s.head_size) + ": expected a multiple of 8 up to 256";
  }
  if (s.heads < 1 || s.kv_heads < 1 || s.heads % s.kv_heads != 0) {
    return std::to_string(s.heads) + " heads over " + std::to_string(s.kv_heads) +
           " key-value heads: expected a multiple";
  }
  if (t < 1 || (t & (t - 1)) != 0) return "pages of " + std::to_string(t) + " tokens: expected a power of two";
  if (s.layers < 1 || s.context_length < 1) return "no layers or no context";
  return "";
}

int plugin::open(const retrace_attention_setup &setup) {
  setup_ = setup;
  if (const std::string why = why_not_shape(); !why.empty()) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_UNSUPPORTED, "cuDNN's attention does not take %s; %s.", why.c_str(),
                             otherwise);
  }
  if (const std::string why = open_library(); !why.empty()) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_UNSUPPORTED, "%s", why.c_str());
  }
  const int version = library_version();
  if (version < oldest_version) {
    return RETRACE_CUDA_FAIL(
        errors, RETRACE_DEVICE_UNSUPPORTED,
        "cuDNN %s is too old: attention over pages and packed rows needs %s or newer. Put the folder "
        "of a newer one into RETRACE_CUDA_LIBS, or %s.",
        version_text(version).c_str(), version_text(oldest_version).c_str(), otherwise);
  }
  cudaDeviceProp gpu{};
  RETRACE_CUDA_CHECK(errors, cudaGetDeviceProperties(&gpu, setup_.ordinal));

  const retrace_shape &s = setup_.shape;
  const int64_t t = setup_.page_tokens, row = int64_t(s.heads + 2 * s.kv_heads) * s.head_size;
  shape_ = {s.heads,
            s.kv_heads,
            s.head_size,
            setup_.page_tokens,
            static_cast<int32_t>((s.context_length + t - 1) / t),
            0,
            gpu.major * 10 + gpu.minor};
  // How many pages there are is not known yet, and a plan is for a number of them: as many as the GPU can hold. What
  // lies behind the cache is in no page table.
  const int64_t page_bytes = int64_t(s.kv_heads) * 2 * t * s.head_size * 2;
  shape_.pages =
      std::clamp<int64_t>(static_cast<int64_t>(gpu.totalGlobalMem) / (page_bytes * s.layers), 1, INT32_MAX / t);
  rules_ = {setup_.page_tokens, shape_.table_width, row, int64_t(s.heads) * s.head_size,
            version >= version_with_empty_sequences};
  return plan_graphs();
}

int plugin::plan_graphs() {
  const std::string version = version_text(library_version());
  if (const std::string why = graphs_.make_handle(setup_.stream); !why.empty()) {
    return errors.fail(RETRACE_DEVICE_CALL_FAILED, graphs_.native_status(), __FILE__, __LINE__,
                       "cuDNN %s cannot start on this GPU: %s. Check that it was made for this driver and GPU, or %s.",
                       version.c_str(), why.c_str(), otherwise);
  }
  if (const std::string why = graphs_.build(shape_); !why.empty()) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_UNSUPPORTED,
                             "cuDNN %s has no such attention: %s. Update it, or %s.", version.c_str(), why.c_str(),
                             otherwise);
  }
  std::snprintf(display_name, sizeof display_name, "cuDNN %s %s", version.c_str(), graphs_.engine().c_str());
  return RETRACE_DEVICE_OK;
}

size_t plugin::workspace_bytes(int64_t rows) const {
  return workspace_parts(rows, shape_.table_width, graphs_.workspace_bytes()).sum();
}

int plugin::use_workspace(int64_t rows, void *memory, size_t bytes) {
  rows_ = 0;
  memory_ = nullptr;
  segments_.clear();
  index_ = {};
  if (const size_t wanted = workspace_bytes(rows); bytes < wanted) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_CALL_FAILED, "Workspace of %zu bytes, expected %zu for %lld rows.",
                             bytes, wanted, static_cast<long long>(rows));
  }
  if (rows * rules_.query_stride > INT32_MAX) {
    return RETRACE_CUDA_FAIL(
        errors, RETRACE_DEVICE_UNSUPPORTED,
        "Batches of %lld rows have more elements than the 32-bit offsets of cuDNN's attention reach: "
        "expected up to %lld rows. Lower maxBatchRows, or %s.",
        static_cast<long long>(rows), static_cast<long long>(INT32_MAX / rules_.query_stride), otherwise);
  }
  rows_ = rows;
  memory_ = static_cast<char *>(memory);
  return RETRACE_DEVICE_OK;
}

int plugin::check_batch(const retrace_attention_call &call) {
  if (memory_ == nullptr) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_CALL_FAILED, "There is no workspace: call use_workspace first.");
  }
  if (call.pages > shape_.pages) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_UNSUPPORTED, "A cache of %lld pages: the plans are for up to %lld.",
                             static_cast<long long>(call.pages), static_cast<long long>(shape_.pages));
  }
  const retrace_attention_plan &plan = *call.plan;
  for (int32_t i = 0; i < plan.segment_count; i++) {
    const retrace_segment &s = plan.host_segments[i];
    const int64_t keys = int64_t(s.first_position) + s.rows,
                  pages = (keys + setup_.page_tokens - 1) / setup_.page_tokens;
    if (s.rows < 0 || s.first_row < 0 || s.first_position < 0 || s.first_page < 0 ||
        int64_t(s.first_row) + s.rows > rows_ || pages > shape_.table_width ||
        s.first_page + pages > plan.page_table_length) {
      return RETRACE_CUDA_FAIL(
          errors, RETRACE_DEVICE_CALL_FAILED,
          "Segment %d has rows %d to %lld and %lld positions: expected up to %lld rows, and up to %lld "
          "positions with their pages.",
          i, s.first_row, static_cast<long long>(s.first_row) + s.rows, static_cast<long long>(keys),
          static_cast<long long>(rows_), static_cast<long long>(shape_.table_width) * setup_.page_tokens);
    }
  }
  return RETRACE_DEVICE_OK;
}

// Index tensors and tails of a batch; uploaded where they are not what was uploaded last.
int plugin::prepare(const retrace_attention_plan &plan) {
  const size_t count = static_cast<size_t>(plan.segment_count),
               table_length = static_cast<size_t>(plan.page_table_length);
  if (is_same(segments_, plan.host_segments, count) &&
      std::equal(page_table_.begin(), page_table_.end(), plan.host_page_table, plan.host_page_table + table_length)) {
    return RETRACE_DEVICE_OK;
  }
  segments_.clear();  // a failure below leaves nothing that looks uploaded
  index_ = make_index_tensors(cut_segments(plan.host_segments, plan.segment_count), plan.host_page_table, rules_);
  const std::vector<page_tail> tails =
      unwritten_tails(plan.host_segments, plan.segment_count, plan.host_page_table, setup_.page_tokens);
  tail_count_ = static_cast<int32_t>(tails.size());

  const workspace_parts parts(rows_, shape_.table_width, graphs_.workspace_bytes());
  const size_t index_bytes = index_.values.size() * sizeof(int32_t), tail_bytes = tails.size() * sizeof(page_tail);
  if (index_bytes > parts.index || tail_bytes > parts.tails) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_CALL_FAILED,
                             "Segments need %zu bytes of index tensors, expected up to %zu: their rows overlap.",
                             index_bytes, parts.index);
  }
  // From pageable memory: the sources may be written over when this returns.
  RETRACE_CUDA_CHECK(errors, cudaMemcpyAsync(memory_, index_.values.data(), index_bytes, cudaMemcpyDefault, stream()));
  if (tail_bytes > 0) {
    RETRACE_CUDA_CHECK(errors,
                       cudaMemcpyAsync(memory_ + parts.index, tails.data(), tail_bytes, cudaMemcpyDefault, stream()));
  }
  page_table_.assign(plan.host_page_table, plan.host_page_table + table_length);
  segments_.assign(plan.host_segments, plan.host_segments + count);
  return RETRACE_DEVICE_OK;
}

// The frontend gives words; whether the GPU is lost is what the stream says.
int plugin::library_failure(const std::string &words) {
  RETRACE_CUDA_CHECK(errors, cudaStreamSynchronize(stream()));
  return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_CALL_FAILED, "Attention failed: %s. Or %s.", words.c_str(),
                           otherwise);
}

int plugin::attend(const retrace_attention_call &call) {
  if (call.plan->segment_count == 0) return RETRACE_DEVICE_OK;
  RETRACE_PASS_ON(check_batch(call));
  RETRACE_PASS_ON(prepare(*call.plan));
  const workspace_parts parts(rows_, shape_.table_width, graphs_.workspace_bytes());
  const auto *tails = reinterpret_cast<const page_tail *>(memory_ + parts.index);
  RETRACE_CUDA_CHECK(errors, launch_clear_tails(stream(), const_cast<void *>(call.cache), tails, tail_count_,
                                                shape_.kv_heads, shape_.page_tokens, shape_.head_size));
  for (const index_tensors::call &one : index_.calls) {
    const attention_operands operands = {call.qkv, call.cache, call.out,
                                         reinterpret_cast<const int32_t *>(memory_) + one.start,
                                         memory_ + parts.index + parts.tails};
    if (const std::string why = graphs_.run(one.batch, operands); !why.empty()) return library_failure(why);
  }
  return RETRACE_DEVICE_OK;
}

// ---- the C interface: nothing is thrown across it ------------------------------------------------
namespace {

plugin &of(retrace_attention_plugin *p) { return *reinterpret_cast<plugin *>(p); }
const plugin &of(const retrace_attention_plugin *p) { return *reinterpret_cast<const plugin *>(p); }

template <class Body>
int guarded(plugin &p, Body body) {
  try {
    return body();
  } catch (const std::exception &) {
    return RETRACE_CUDA_FAIL(p.errors, RETRACE_DEVICE_OUT_OF_MEMORY, "Out of host memory.");
  }
}

int open(const retrace_attention_setup *setup, retrace_attention_plugin **out, char *error, size_t capacity) {
  *out = nullptr;
  std::unique_ptr<plugin> p;
  try {
    p = std::make_unique<plugin>();
  } catch (const std::exception &) {
    std::snprintf(error, capacity, "Out of host memory.");
    return RETRACE_DEVICE_OUT_OF_MEMORY;
  }
  const int status = guarded(*p, [&] { return p->open(*setup); });
  if (status != RETRACE_DEVICE_OK) {
    std::snprintf(error, capacity, "%s", p->errors.last().message);
    return status;
  }
  *out = reinterpret_cast<retrace_attention_plugin *>(p.release());
  return status;
}

void close(retrace_attention_plugin *p) { delete reinterpret_cast<plugin *>(p); }

size_t workspace_bytes(retrace_attention_plugin *p, int64_t rows) { return of(p).workspace_bytes(rows); }

int use_workspace(retrace_attention_plugin *p, int64_t rows, void *memory, size_t bytes) {
  return guarded(of(p), [&] { return of(p).use_workspace(rows, memory, bytes); });
}

int attend(retrace_attention_plugin *p, const retrace_attention_call *call) {
  return guarded(of(p), [&] { return of(p).attend(*call); });
}

const char *last_error(const retrace_attention_plugin *p) { return of(p).errors.last().message; }
int32_t last_native_status(const retrace_attention_plugin *p) { return of(p).errors.last().native_status; }

const retrace_attention_plugin_api api = {RETRACE_ATTENTION_PLUGIN_ABI,
                                          display_name,
                                          open,
                                          close,
                                          workspace_bytes,
                                          use_workspace,
                                          attend,
                                          last_error,
                                          last_native_status};

}  // namespace
}  // namespace retrace::cudnn

extern "C" __attribute__((visibility("default"))) const retrace_attention_plugin_api *
retrace_attention_plugin_entry_point(uint32_t abi) {
  return abi == RETRACE_ATTENTION_PLUGIN_ABI ? &retrace::cudnn::api : nullptr;
}
