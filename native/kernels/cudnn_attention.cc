#include "cudnn_attention.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <unordered_map>
#include <utility>

#include "cudnn_library.h"

// Its functions are looked up in libraries that are opened at run time. It is to write no plans as JSON.
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

namespace retrace::cudnn {
namespace {

namespace fe = cudnn_frontend;
using tensor = std::shared_ptr<fe::graph::Tensor_attributes>;
using pointers = std::unordered_map<int64_t, void *>;

enum tensor_id : int64_t {
  id_queries = 1,
  id_keys,
  id_values,
  id_out,
  id_query_lengths,
  id_key_lengths,
  id_query_offsets,
  id_out_offsets,
  id_key_table,
  id_value_table
};

// What decides the kernel.
struct engine_choice {
  int64_t id = -1;
  std::unordered_map<fe::KnobType_t, int64_t> knobs;
};

std::string one_line(std::string text) {
  for (char &c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text.size() > 240 ? text.substr(0, 240) + "..." : text;
}

std::string words_of(fe::error_object result) {
  if (result.is_good()) return "";
  const std::string words = one_line(result.get_message());
  return words.empty() ? "cuDNN gave no reason" : words;
}

tensor make_tensor(fe::graph::Graph &graph, const char *name, tensor_id id, std::vector<int64_t> dims,
                   std::vector<int64_t> strides, fe::DataType_t type) {
  return graph.tensor(
      fe::graph::Tensor_attributes().set_name(name).set_uid(id).set_dim(dims).set_stride(strides).set_data_type(type));
}

// One number for each sequence, [count, 1, 1, 1].
tensor make_list(fe::graph::Graph &graph, const char *name, tensor_id id, int64_t count) {
  return make_tensor(graph, name, id, {count, 1, 1, 1}, {1, 1, 1, 1}, fe::DataType_t::INT32);
}

std::shared_ptr<fe::graph::Graph> describe(const attention_shape &s, int64_t batch) {
  auto graph = std::make_shared<fe::graph::Graph>();
  graph->set_io_data_type(fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT)
      // Else it is asked of a CUDA runtime that the frontend looks for; this library has its own.
      .set_sm_version(s.sm_version);
  const auto bf16 = fe::DataType_t::BFLOAT16;
  const int64_t heads = s.heads, groups = s.kv_heads, d = s.head_size, t = s.page_tokens, width = s.table_width;
  const int64_t row = (heads + 2 * groups) * d, out_row = heads * d, tile = t * d;

  tensor queries = make_tensor(*graph, "queries", id_queries, {batch, heads, sequence_rows, d},
                               {row * sequence_rows, d, row, 1}, bf16);
  queries->set_ragged_offset(make_list(*graph, "query_offsets", id_query_offsets, batch + 1));
  // Keys and values of a head lie behind each other in each page; the values' pointer is one tile on.
  const std::vector<int64_t> pages = {s.pages, groups, t, d}, strides = {groups * 2 * tile, 2 * tile, d, 1};
  tensor keys = make_tensor(*graph, "keys", id_keys, pages, strides, bf16);
  tensor values = make_tensor(*graph, "values", id_values, pages, strides, bf16);
  const std::vector<int64_t> table = {batch, 1, width, 1}, table_strides = {width, width, 1, 1};

  auto options = fe::graph::SDPA_attributes()
                     .set_name("attention")
                     .set_generate_stats(false)
                     .set_attn_scale(1.0f / std::sqrt(static_cast<float>(d)))
                     .set_padding_mask(true)
                     .set_seq_len_q(make_list(*graph, "query_lengths", id_query_lengths, batch))
                     .set_seq_len_kv(make_list(*graph, "key_lengths", id_key_lengths, batch))
                     .set_diagonal_alignment(fe::DiagonalAlignment_t::BOTTOM_RIGHT)
                     .set_diagonal_band_right_bound(0);
  options.set_paged_attention_k_table(
      make_tensor(*graph, "key_table", id_key_table, table, table_strides, fe::DataType_t::INT32));
  options.set_paged_attention_v_table(
      make_tensor(*graph, "value_table", id_value_table, table, table_strides, fe::DataType_t::INT32));
  options.set_paged_attention_max_seq_len_kv(static_cast<int>(width * t));

  tensor out = graph->sdpa(queries, keys, values, options)[0];
  out->set_output(true)
      .set_uid(id_out)
      .set_dim({batch, heads, sequence_rows, d})
      .set_stride({out_row * sequence_rows, d, out_row, 1})
      .set_data_type(bf16)
      .set_ragged_offset(make_list(*graph, "out_offsets", id_out_offsets, batch + 1));
  return graph;
}

// The engine and its settings of the plan that was built.
fe::error_object read_choice(const fe::graph::Graph &graph, engine_choice *choice, std::string *name) {
  if (auto result = graph.get_plan_name(*name); result.is_bad()) return result;
  for (int64_t i = 0; i < graph.get_execution_plan_count(); i++) {
    std::string candidate;
    if (graph.get_plan_name_at_index(i, candidate).is_bad() || candidate != *name) continue;
    return graph.get_engine_and_knobs_at_index(i, choice->id, choice->knobs);
  }
  return {fe::error_code_t::INVALID_VALUE, "the plan that was built is not among those that were offered"};
}

fe::error_object plan(fe::graph::Graph &graph, cudnnHandle_t handle, const engine_choice &choice) {
  if (auto result = graph.validate(); result.is_bad()) return result;
  if (auto result = graph.build_operation_graph(handle); result.is_bad()) return result;
  auto created = choice.id < 0 ? graph.create_execution_plans({fe::HeurMode_t::A})
                               : graph.create_execution_plan(choice.id, choice.knobs);
  if (created.is_bad()) return created;
  if (auto result = graph.check_support(); result.is_bad()) return result;
  return graph.build_plans(fe::BuildPlanPolicy_t::HEURISTICS_CHOICE, false);
}

// The frontend throws, from std::bad_alloc to "unable to find symbol".
template <class Body>
std::string without_throwing(Body body) {
  try {
    return body();
  } catch (const std::exception &error) {
    return one_line(error.what());
  }
}

}  // namespace

struct attention_graphs::state {
  cudnnHandle_t handle = nullptr;
  attention_shape shape{};
  std::shared_ptr<fe::graph::Graph> graphs[batch_size_count];
  int64_t workspace_bytes = 0;
  int32_t native_status = 0;
  std::string engine;
};

attention_graphs::attention_graphs() : state_(std::make_unique<state>()) {}

attention_graphs::~attention_graphs() {
  (void)without_throwing([this]() -> std::string {
    for (auto &graph : state_->graphs) graph.reset();
    if (state_->handle != nullptr) (void)fe::detail::destroy_handle(state_->handle);
    return "";
  });
}

std::string attention_graphs::make_handle(void *stream) {
  return without_throwing([&]() -> std::string {
    auto status = fe::detail::create_handle(&state_->handle);
    if (status == CUDNN_STATUS_SUCCESS) {
      status = fe::detail::set_stream(state_->handle, static_cast<cudaStream_t>(stream));
    }
    state_->native_status = static_cast<int32_t>(status);
    return status == CUDNN_STATUS_SUCCESS ? "" : fe::detail::get_error_string(status);
  });
}

std::string attention_graphs::build(const attention_shape &shape) {
  return without_throwing([&]() -> std::string {
    state_->shape = shape;
    state_->workspace_bytes = 0;
    engine_choice choice;
    for (int32_t i = batch_size_count - 1; i >= 0; i--) {
      auto graph = describe(shape, batch_sizes[i]);
      const auto failed = [&](const fe::error_object &result) {
        return words_of(result) + " (batch of " + std::to_string(batch_sizes[i]) + ")";
      };
      if (auto result = plan(*graph, state_->handle, choice); result.is_bad()) return failed(result);
      if (choice.id < 0) {
        if (auto result = read_choice(*graph, &choice, &state_->engine); result.is_bad()) return failed(result);
      }
      int64_t bytes = 0;
      if (auto result = graph->get_workspace_size(bytes); result.is_bad()) return failed(result);
      state_->workspace_bytes = std::max(state_->workspace_bytes, bytes);
      state_->graphs[i] = std::move(graph);
    }
    return "";
  });
}

int64_t attention_graphs::workspace_bytes() const { return state_->workspace_bytes; }

std::string attention_graphs::run(int32_t batch, const attention_operands &o) {
  return without_throwing([&]() -> std::string {
    const int32_t i = static_cast<int32_t>(std::find(batch_sizes, batch_sizes + batch_size_count, batch) - batch_sizes);
    if (i == batch_size_count || state_->graphs[i] == nullptr) return "no plan for a batch of " + std::to_string(batch);
    const index_layout layout(batch, state_->shape.table_width);
    // The frontend takes all pointers as they are written to.
    const auto index = [&](int64_t start) -> void * { return const_cast<int32_t *>(o.index + start); };
    auto *cache = static_cast<uint16_t *>(const_cast<void *>(o.cache));
    const int64_t tile = int64_t(state_->shape.page_tokens) * state_->shape.head_size;
    pointers memory = {{id_queries, const_cast<void *>(o.queries)},
                       {id_keys, cache},
                       {id_values, cache + tile},
                       {id_out, o.out},
                       {id_query_lengths, index(layout.query_lengths)},
                       {id_key_lengths, index(layout.key_lengths)},
                       {id_query_offsets, index(layout.query_offsets)},
                       {id_out_offsets, index(layout.out_offsets)},
                       {id_key_table, index(layout.page_table)},
                       {id_value_table, index(layout.page_table)}};
    return words_of(state_->graphs[i]->execute(state_->handle, memory, o.workspace));
  });
}

const std::string &attention_graphs::engine() const { return state_->engine; }
int32_t attention_graphs::native_status() const { return state_->native_status; }

}  // namespace retrace::cudnn
