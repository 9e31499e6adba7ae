// The tests' few lines of framework: a case is a function, and the program prints one TAP line for each.
#pragma once

#include <cstdio>
#include <cstring>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace check {

struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Thrown where a case cannot run here; the reason is printed.
struct skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline std::vector<std::pair<std::string, std::function<void()>>> &cases() {
  static std::vector<std::pair<std::string, std::function<void()>>> all;
  return all;
}
struct add {
  add(std::string name, std::function<void()> body) { cases().emplace_back(std::move(name), std::move(body)); }
};

inline std::string one_line(std::string text) {
  for (char &c : text)
    if (c == '\n') c = ' ';
  return text;
}

// Runs the cases whose names hold the first argument, all without one. Exit code 1 where one failed or none ran.
inline int run(int argc, char **argv) {
  int ran = 0, failed = 0;
  for (auto &[name, body] : cases()) {
    if (argc > 1 && name.find(argv[1]) == std::string::npos) continue;
    ran++;
    try {
      body();
      std::printf("ok %d - %s\n", ran, name.c_str());
    } catch (const skipped &reason) {
      std::printf("ok %d - %s # SKIP %s\n", ran, name.c_str(), one_line(reason.what()).c_str());
    } catch (const std::exception &error) {
      failed++;
      std::printf("not ok %d - %s # %s\n", ran, name.c_str(), one_line(error.what()).c_str());
    }
    std::fflush(stdout);
  }
  std::printf("1..%d\n", ran);
  return failed > 0 || ran == 0 ? 1 : 0;
}

template <class Condition>
void is_true(const Condition &condition, const char *text, const char *file, int line) {
  if (!condition) throw failure(std::string(file) + ":" + std::to_string(line) + ": expected " + text);
}
template <class A, class B>
void equal(const A &found, const B &expected, const char *text, const char *file, int line) {
  if (found == expected) return;
  std::ostringstream message;
  message << file << ":" << line << ": " << text << " is " << found << ", expected " << expected;
  throw failure(message.str());
}

}  // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
// TEST_CASE("what holds") { ... }
#define TEST_CASE(name)                                                                        \
  static void CHECK_JOIN(test_case_, __LINE__)();                                              \
  static check::add CHECK_JOIN(test_entry_, __LINE__)(name, CHECK_JOIN(test_case_, __LINE__)); \
  static void CHECK_JOIN(test_case_, __LINE__)()
#define EXPECT(condition) check::is_true((condition), #condition, __FILE__, __LINE__)
#define EXPECT_EQUAL(found, expected) check::equal((found), (expected), #found, __FILE__, __LINE__)
#define TEST_MAIN \
  int main(int argc, char **argv) { return check::run(argc, argv); }
