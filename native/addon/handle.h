// Objects that JavaScript holds and cannot look into. The tag tells one kind from another, and from everything else:
// without it a wrong argument would be read as if it were the right one.
#pragma once

#include <node_api.h>

#include <memory>

#include "scorer.h"

namespace retrace::addon {

template <class T>
constexpr napi_type_tag kTag{};
template <>
constexpr napi_type_tag kTag<scorer>{0x8d1c3a5e70b94f21, 0xa6e2f4901b7c5d38};
template <>
constexpr napi_type_tag kTag<prefix>{0x3f5b9e12c84a4d67, 0xb0d7168ea9f2543c};

// A new object that owns a share of `value` until it is collected.
template <class T>
napi_status make_handle(napi_env env, const std::shared_ptr<T> &value, napi_value *out) {
  napi_status status = napi_create_object(env, out);
  if (status != napi_ok) return status;
  status = napi_type_tag_object(env, *out, &kTag<T>);
  if (status != napi_ok) return status;
  auto *held = new std::shared_ptr<T>(value);
  const auto release = [](napi_env, void *data, void *) { delete static_cast<std::shared_ptr<T> *>(data); };
  status = napi_wrap(env, *out, held, release, nullptr, nullptr);
  if (status != napi_ok) delete held;
  return status;
}

// Null where the value is no such handle.
template <class T>
std::shared_ptr<T> open_handle(napi_env env, napi_value value) {
  napi_valuetype type;
  bool tagged = false;
  void *held = nullptr;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object) return nullptr;
  if (napi_check_object_type_tag(env, value, &kTag<T>, &tagged) != napi_ok || !tagged) return nullptr;
  if (napi_unwrap(env, value, &held) != napi_ok || held == nullptr) return nullptr;
  return *static_cast<std::shared_ptr<T> *>(held);
}

}  // namespace retrace::addon
