// Loading, the calls, and what they refuse. How a call gets what it needs into the cache is in engine_paths.cc.
#include "engine.h"

#include <algorithm>
#include <utility>

#include "device_call.h"
#include "device_choice.h"
#include "json.h"

namespace retrace {
namespace {

constexpr int64_t default_cpu_cache = 1ll << 30;
constexpr int64_t gpu_reserve = 512ll << 20;  // for memory that the driver takes beside what the formula counts

std::string text_of(const char *value, const char *otherwise) {
  return value == nullptr || *value == '\0' ? otherwise : value;
}

std::string mebibytes(int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

}  // namespace

// ---- load ---------------------------------------------------------------------------------------

engine::engine(const retrace_engine_options &options) {
  std::unique_ptr<tensor_source> source;
  if (options.model_dir != nullptr) {
    const std::string folder = options.model_dir;
    config_ = parse_model_config(read_text_file(folder + "/config.json"), folder + "/config.json");
    source = open_safetensors_folder(folder);
  } else if (options.config_json != nullptr) {
    config_ = parse_model_config(options.config_json, "The given config");
    if (options.tensor_count > 0) source = tensors_in_memory(options.tensors, options.tensor_count);
  } else {
    throw error(error_code::invalid_options, "There is no model: give a model folder, or a config.");
  }
  context_length_ = config_.shape.context_length;
  if (options.context_length > 0) context_length_ = std::min(context_length_, options.context_length);
  config_.shape.context_length = static_cast<int32_t>(context_length_);

  open_device(options);
  try {
    size_memory(options);
    load(options, source.get());
  } catch (...) {
    forward_.reset();
    weights_.reset();
    api_->close(device_);
    throw;
  }
}

engine::~engine() {
  forward_.reset();
  weights_.reset();
  api_->close(device_);
}

void engine::open_device(const retrace_engine_options &options) {
  const std::string name = text_of(options.device, "auto");
  const std::string folder = text_of(options.device_folder, "");
  device_choice choice = choose_device(name, folder);
  const bool on_cpu = std::string(choice.api->name) == "cpu";
  if (!on_cpu && options.precision == 1) {
    throw error(error_code::invalid_options, "A GPU computes in bfloat16. Choose that precision, or the device cpu.");
  }
  retrace_device_options o{};
  o.ordinal = options.ordinal;
  o.threads = std::max(1, options.threads);
  o.round_to_bf16 = options.precision == 2 ? 1 : 0;
  o.page_tokens = options.page_tokens;
  o.kernels = options.kernels;
  o.shape = config_.shape;
  retrace_device_error failure{};
  int status = choice.api->open(&o, &device_, &failure);
  if (status == RETRACE_DEVICE_UNSUPPORTED && name == "auto" && !on_cpu) {
    choice = {choose_device("cpu", folder).api, std::string("the GPU's kernels do not fit: ") + failure.message};
    o.kernels = nullptr;
    status = choice.api->open(&o, &device_, &failure);
  }
  if (status != RETRACE_DEVICE_OK) throw_device_error(failure);
  api_ = choice.api;
  device_reason_ = std::move(choice.reason);  // nothing may throw now: the device has no owner yet
  const int known = api_->facts(device_, &facts_);
  if (known == RETRACE_DEVICE_OK) return;
  const retrace_device_error why = *api_->last_error(device_);
  api_->close(device_);
  throw_device_error(why);
}

// What everything will take, by formula, against what is free: nothing is allocated before the answer is known.
void engine::size_memory(const retrace_engine_options &options) {
  const int64_t page_tokens = facts_.page_tokens;
  const bool on_cpu = std::string(api_->name) == "cpu";
  max_rows_ =
      std::min(options.max_batch_rows > 0 ? options.max_batch_rows : 8192, std::max<int64_t>(1, context_length_) * 8);
  max_targets_ = options.max_head_rows > 0 ? std::min<int64_t>(options.max_head_rows, INT32_MAX)
                                           : std::min<int64_t>(8192, max_rows_);
  const int64_t longest_table = (context_length_ + page_tokens - 1) / page_tokens;
  max_page_entries_ = std::max<int64_t>(longest_table, std::min<int64_t>(1 << 18, 32 * longest_table + max_rows_));
  keep_all_rows_ = options.keep_all_rows != 0;

  weight_bytes_ = device_weights::bytes(*api_, device_, config_);
  const int64_t rotary_bytes =
      2 * static_cast<int64_t>(sizeof(float)) * context_length_ * (config_.shape.head_size / 2);
  buffer_bytes_ = rotary_bytes + forward_pass::bytes(facts_, config_.shape, max_rows_, max_targets_, max_page_entries_);
  workspace_bytes_ = static_cast<int64_t>(api_->workspace_bytes(device_, max_rows_, max_targets_));
  const int64_t fixed = weight_bytes_ + buffer_bytes_ + workspace_bytes_;
  const int64_t page_bytes = static_cast<int64_t>(api_->cache_bytes(device_, 1));
  int64_t room = options.cache_bytes;
  if (room <= 0 && on_cpu) room = std::min(default_cpu_cache, std::max(page_bytes, (facts_.free_bytes - fixed) / 2));
  if (room <= 0) room = facts_.free_bytes - fixed - gpu_reserve;
  pages_ = pages_within(room);
  if (pages_ < 1 && options.cache_bytes > 0) {
    error failure(error_code::out_of_memory, "A cache of " + std::to_string(options.cache_bytes) +
                                                 " bytes does not hold one page of " + std::to_string(page_tokens) +
                                                 " tokens: that takes " + std::to_string(page_bytes) +
                                                 " bytes. Give the cache more memory.");
    failure.needed = page_bytes;
    failure.available = options.cache_bytes;
    throw failure;
  }
  cache_bytes_ = static_cast<int64_t>(api_->cache_bytes(device_, pages_));
  const int64_t needed = fixed + std::max(cache_bytes_, page_bytes);
  if (pages_ < 1 || (facts_.free_bytes > 0 && needed > facts_.free_bytes)) {
    error failure(error_code::out_of_memory,
                  "The model needs " + mebibytes(weight_bytes_) + " for weights, " +
                      mebibytes(buffer_bytes_ + workspace_bytes_) + " to compute in and " +
                      mebibytes(std::max(cache_bytes_, page_bytes)) + " for its cache; " + std::string(facts_.name) +
                      " has " + mebibytes(facts_.free_bytes) +
                      " free. Give the cache less, or use a smaller model, context or batch.");
    failure.needed = needed;
    failure.available = facts_.free_bytes;
    throw failure;
  }
}

// The most pages that the device can make of so many bytes.
int64_t engine::pages_within(int64_t bytes) const {
  int64_t fit = 0, too_many = INT32_MAX / facts_.page_tokens;  // slots are 32-bit numbers
  while (fit + 1 < too_many) {
    const int64_t pages = fit + (too_many - fit) / 2;
    (static_cast<int64_t>(api_->cache_bytes(device_, pages)) <= bytes ? fit : too_many) = pages;
  }
  return fit;
}

void engine::load(const retrace_engine_options &options, const tensor_source *source) {
  const auto check = [this](int status) { check_device(*api_, device_, status); };
  weights_ = std::make_unique<device_weights>(*api_, device_);
  if (source != nullptr) {
    weights_->load(config_, *source);
  } else {
    weights_->randomize(config_, options.random_seed);
  }
  const rotary_tables rotary = make_rotary_tables(config_.rope, config_.shape.head_size, context_length_);
  check(api_->set_rotary(device_, rotary.cosines.data(), rotary.sines.data()));
  check(api_->make_workspace(device_, max_rows_, max_targets_));
  forward_ = std::make_unique<forward_pass>(*api_, device_, facts_, config_, *weights_, max_rows_, max_targets_,
                                            max_page_entries_);
  check(api_->make_cache(device_, pages_));
  check(api_->synchronize(device_));
  check(api_->facts(device_, &facts_));  // which kernels passed their gate is known now
  pool_ = std::make_unique<page_pool>(static_cast<int32_t>(pages_));
  tree_ = std::make_unique<prefix_tree>(*pool_, facts_.page_tokens);
}

// ---- the calls --------------------------------------------------------------------------------------

uint64_t engine::open_prefix(const uint32_t *tokens, int64_t count, retrace_abort *abort, retrace_counters &counters) {
  check_length(count, 0);
  check_tokens("The prefix", tokens, count);
  std::vector<request> requests{{tree_->root(), tokens, count, {}, nullptr}};
  if (count > 0) requests[0].hidden = {count - 1};
  ensure(requests, 0, abort, counters, counters.prefix_tokens_computed);
  return keep_open(requests[0].end);
}

uint64_t engine::commit(uint64_t prefix, const uint32_t *tokens, int64_t count, retrace_abort *abort,
                        retrace_counters &counters) {
  tree_node *from = node_of(prefix);
  check_length(from->end(), count);
  check_tokens("The branch", tokens, count);
  std::vector<request> requests{{from, tokens, count, {}, nullptr}};
  if (count > 0) requests[0].hidden = {count - 1};
  ensure(requests, 0, abort, counters, counters.branch_tokens_computed);
  return keep_open(requests[0].end);
}

// The pin of the call becomes the prefix's.
uint64_t engine::keep_open(tree_node *end) {
  try {
    prefixes_.emplace(next_prefix_, end);
  } catch (...) {
    tree_->unpin(end);
    throw;
  }
  return next_prefix_++;
}

void engine::score(uint64_t prefix, const retrace_branch *branches, int64_t count, float *log_probs,
                   retrace_abort *abort, retrace_counters &counters) {
  tree_node *from = node_of(prefix);
  for (int64_t i = 0; i < count; i++) check_branch(branches[i], i, from);

  std::vector<request> requests;
  std::vector<int64_t> first_output;
  int64_t outputs = 0;
  for (int64_t i = 0; i < count; i++) {
    const retrace_branch &branch = branches[i];
    first_output.push_back(outputs);
    request r{from, branch.tokens, 0, {}, nullptr};
    for (int64_t range = 0; range < branch.range_count; range++) {
      for (int64_t at = branch.ranges[2 * range]; at < branch.ranges[2 * range + 1]; at++) r.hidden.push_back(at - 1);
    }
    outputs += static_cast<int64_t>(r.hidden.size());
    r.count = r.hidden.back() + 1;  // the last target predicts nothing
    requests.push_back(std::move(r));
  }

  for (size_t next = 0; next < requests.size();) {
    const size_t first = next;
    next = ensure(requests, first, abort, counters, counters.branch_tokens_computed);
    const auto release = [&] {
      for (size_t i = first; i < next; i++) tree_->unpin(requests[i].end);
    };
    try {
      std::vector<target> targets;
      for (size_t i = first; i < next; i++) {
        const request &r = requests[i];
        counters.prefix_tokens_reused += from->end();
        each_state(r, [&](const tree_node *owner, int64_t position, size_t at) {
          targets.push_back({slot_of(owner, position), static_cast<int32_t>(r.tokens[r.hidden[at] + 1]),
                             first_output[i] + static_cast<int64_t>(at)});
        });
      }
      forward_->score(targets, log_probs, abort);
    } catch (...) {
      release();
      throw;
    }
    release();
  }
}

void engine::close_prefix(uint64_t prefix) {
  const auto found = prefixes_.find(prefix);
  if (found == prefixes_.end()) return;
  tree_->unpin(found->second);
  prefixes_.erase(found);
}

void engine::drop_unpinned() {
  tree_->evict(pool_->pages() + 1ll, [](const tree_node &) {});
  dropped_.clear();
}

void engine::audit() const { tree_->audit(); }

// ---- checks ------------------------------------------------------------------------------------------------

tree_node *engine::node_of(uint64_t prefix) const {
  const auto found = prefixes_.find(prefix);
  if (found != prefixes_.end()) return found->second;
  throw error(error_code::prefix_closed, "Prefix " + std::to_string(prefix) + " is closed. Open it again.");
}

void engine::check_tokens(const char *what, const uint32_t *tokens, int64_t count) const {
  const uint32_t vocabulary = static_cast<uint32_t>(config_.shape.vocabulary_size);
  for (int64_t i = 0; i < count; i++) {
    if (tokens[i] < vocabulary) continue;
    throw error(error_code::token_out_of_range, std::string(what) + " has token " + std::to_string(tokens[i]) +
                                                    " at position " + std::to_string(i) + ", and the model knows [0, " +
                                                    std::to_string(vocabulary) +
                                                    "). Tokenize with the tokenizer of this model.");
  }
}

void engine::check_length(int64_t prefix, int64_t branch) const {
  if (branch <= context_length_ - prefix) return;
  const int64_t needed = branch > INT64_MAX - prefix ? INT64_MAX : prefix + branch;
  error failure(error_code::context_too_long,
                "A prefix of " + std::to_string(prefix) + " tokens and a branch of " + std::to_string(branch) +
                    " need " + std::to_string(needed) + " tokens of context, and the model has " +
                    std::to_string(context_length_) + ". Use a shorter prefix or a model with a longer context.");
  failure.needed = needed;
  failure.available = context_length_;
  throw failure;
}

void engine::check_branch(const retrace_branch &branch, int64_t index, const tree_node *prefix) const {
  const std::string name = "Branch " + std::to_string(index);
  check_length(prefix->end(), branch.token_count);
  check_tokens(name.c_str(), branch.tokens, branch.token_count);
  if (branch.range_count <= 0) {
    throw error(error_code::empty_target, name + " has nothing to score: it names no range of its tokens.");
  }
  const auto refuse = [&](const std::string &why) {
    throw error(error_code::invalid_branch, name + " cannot be scored: " + why + ".");
  };
  int64_t reached = 0;
  for (int64_t range = 0; range < branch.range_count; range++) {
    const int64_t start = branch.ranges[2 * range], end = branch.ranges[2 * range + 1];
    const std::string text = "the range [" + std::to_string(start) + ", " + std::to_string(end) + ")";
    if (start < reached) refuse(text + " is out of order or overlaps the one before it");
    if (end <= start) refuse(text + " is empty");
    if (end > branch.token_count) refuse(text + " passes its end at " + std::to_string(branch.token_count) + " tokens");
    reached = end;
  }
  if (prefix->end() == 0 && branch.ranges[0] == 0) {
    refuse("its first token is scored behind an empty prefix, where nothing predicts it");
  }
}

void engine::throw_capacity(int64_t needed_pages) const {
  const int64_t tokens = facts_.page_tokens;
  const int64_t available = tree_->pages_obtainable() * tokens;
  error failure(error_code::capacity, "The cache has room for " + std::to_string(pages_ * tokens) +
                                          " tokens, of which " + std::to_string(available) +
                                          " are not held by open prefixes, and this needs " +
                                          std::to_string(needed_pages * tokens) +
                                          ". Close prefixes, score with fewer workers, or give the cache more memory.");
  failure.needed = needed_pages * tokens;
  failure.available = available;
  throw failure;
}

std::string engine::describe() const {
  const retrace_shape &s = config_.shape;
  std::string out = "{";
  const auto field = [&out](const std::string &name, const std::string &json) {
    if (out.size() > 1) out += ", ";
    out += "\"" + name + "\": " + json;
  };
  const auto number = [&](const std::string &name, int64_t value) { field(name, std::to_string(value)); };
  field("device", json_string(api_->name));
  field("deviceName", json_string(facts_.name));
  field("deviceReason", json_string(device_reason_));
  field("kernels", json_string(facts_.kernels));
  field("dtype", facts_.computes_bf16 ? "\"bfloat16\"" : "\"float32\"");
  number("contextLength", context_length_);
  number("vocabularySize", s.vocabulary_size);
  number("layers", s.layers);
  number("hiddenSize", s.hidden_size);
  number("pageTokens", facts_.page_tokens);
  number("pages", pages_);
  number("freePages", pool_->free_pages());
  number("nodes", tree_->nodes());
  number("openPrefixes", static_cast<int64_t>(prefixes_.size()));
  number("maxBatchRows", max_rows_);
  number("maxHeadRows", max_targets_);
  number("weightBytes", weight_bytes_);
  number("cacheBytes", cache_bytes_);
  number("bufferBytes", buffer_bytes_);
  number("workspaceBytes", workspace_bytes_);
  return out + "}";
}

}  // namespace retrace
