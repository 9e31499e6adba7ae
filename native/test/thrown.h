// What the engine refuses: the error that an action throws, as it is and as text.
#pragma once

#include <functional>
#include <string>

#include "../engine/error.h"
#include "check.h"

namespace check {

// An action that throws nothing fails the test.
template <class Action>
retrace::error thrown_by(const Action &action) {
  try {
    action();
  } catch (const retrace::error &thrown) {
    return thrown;
  }
  throw failure("expected an error, got none");
}

// "CODE: message" of the engine's error, or "" where there was none.
inline std::string failure_of(const std::function<void()> &body) {
  try {
    body();
  } catch (const retrace::error &error) {
    return std::string(retrace::name_of(error.code)) + ": " + error.what();
  }
  return "";
}

// On one line, with that code and that part in its message.
inline void expect_failure(const std::function<void()> &body, const std::string &code, const std::string &part) {
  const std::string found = failure_of(body);
  const bool is_one_line = found.find('\n') == std::string::npos;
  if (found.rfind(code + ":", 0) != 0 || found.find(part) == std::string::npos || !is_one_line) {
    throw failure("expected " + code + " with \"" + part + "\", got \"" + found + "\"");
  }
}

}  // namespace check
