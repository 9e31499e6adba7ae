#include "channel.h"

#include <cstring>

namespace retrace::addon {
namespace {

void set_number(napi_env env, napi_value object, const char *name, int64_t number) {
  napi_value value;
  if (napi_create_int64(env, number, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}

// An Error with `code`, and `details` that hold what the engine knows beyond the message.
napi_status make_js_error(napi_env env, const retrace_error &error, napi_value *out) {
  napi_value code, message, details, file;
  napi_status status = napi_create_string_utf8(env, error.code, strnlen(error.code, sizeof error.code), &code);
  if (status != napi_ok) return status;
  status = napi_create_string_utf8(env, error.message, strnlen(error.message, sizeof error.message), &message);
  if (status != napi_ok) return status;
  status = napi_create_error(env, code, message, out);
  if (status != napi_ok || napi_create_object(env, &details) != napi_ok) return status;
  if (error.needed >= 0) set_number(env, details, "needed", error.needed);
  if (error.available >= 0) set_number(env, details, "available", error.available);
  if (error.file[0] != '\0' &&
      napi_create_string_utf8(env, error.file, strnlen(error.file, sizeof error.file), &file) == napi_ok) {
    napi_set_named_property(env, details, "file", file);
    set_number(env, details, "line", error.line);
    set_number(env, details, "nativeStatus", error.native_status);
  }
  napi_set_named_property(env, *out, "details", details);
  return napi_ok;
}

void settle_promise(napi_env env, js_job &task) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value value;
  napi_status status = napi_ok;
  if (!task.result.failed) {
    status = task.to_js ? task.to_js(env, task.result, &value) : napi_get_undefined(env, &value);
    if (status == napi_ok) napi_resolve_deferred(env, task.deferred, value);
    // Such as no memory for the array; where an exception is pending, the environment is ending.
    else fail(task.result, make_error("OUT_OF_MEMORY", "JavaScript has no room for the result. Score fewer branches."));
  }
  if (task.result.failed && make_js_error(env, task.result.error, &value) == napi_ok)
    napi_reject_deferred(env, task.deferred, value);
  napi_close_handle_scope(env, scope);
}

}  // namespace

napi_status channel::begin(napi_env env, const std::shared_ptr<js_job> &task, napi_value *promise) {
  napi_status status = open(env);
  if (status != napi_ok) return status;
  task->to = shared_from_this();
  task->settle = [](const std::shared_ptr<job> &settled) {
    const auto mine = std::static_pointer_cast<js_job>(settled);
    mine->to->deliver(mine);
  };
  status = napi_create_promise(env, &task->deferred, promise);
  if (status == napi_ok && under_way_++ == 0) status = napi_ref_threadsafe_function(env, function_);
  return status;
}

void channel::deliver(const std::shared_ptr<js_job> &task) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_ || function_ == nullptr) return;
  auto *data = new (std::nothrow) std::shared_ptr<js_job>(task);
  if (data == nullptr) return;
  if (napi_call_threadsafe_function(function_, data, napi_tsfn_nonblocking) == napi_ok) return;
  // Closing: it must not be called a second time.
  delete data;
  closed_ = true;
}

void channel::close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
}

napi_status channel::open(napi_env env) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return napi_closing;
  if (function_ != nullptr) return napi_ok;
  napi_value name;
  napi_status status = napi_create_string_utf8(env, "retrace", NAPI_AUTO_LENGTH, &name);
  if (status != napi_ok) return status;
  auto *self = new std::shared_ptr<channel>(shared_from_this());
  status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, self, on_closed, nullptr, on_delivered,
                                           &function_);
  if (status != napi_ok) {
    delete self;
    return status;
  }
  return napi_unref_threadsafe_function(env, function_);
}

void channel::on_delivered(napi_env env, napi_value, void *, void *data) {
  const std::unique_ptr<std::shared_ptr<js_job>> held(static_cast<std::shared_ptr<js_job> *>(data));
  if (env == nullptr) return;
  js_job &task = **held;
  channel &from = *task.to;
  if (--from.under_way_ == 0) {
    std::lock_guard<std::mutex> lock(from.mutex_);
    if (from.function_ != nullptr) napi_unref_threadsafe_function(env, from.function_);
  }
  settle_promise(env, task);
}

// The function is freed when this returns.
void channel::on_closed(napi_env, void *data, void *) {
  const std::unique_ptr<std::shared_ptr<channel>> self(static_cast<std::shared_ptr<channel> *>(data));
  std::lock_guard<std::mutex> lock((*self)->mutex_);
  (*self)->closed_ = true;
  (*self)->function_ = nullptr;
}

}  // namespace retrace::addon
