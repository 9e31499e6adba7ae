// Which device a name stands for, on machines with and without a GPU that can be used. Beside this program lies a device
// under CUDA's name whose probe answers what the environment says.
#include <cstdlib>
#include <string>

#include "../engine/device_choice.h"
#include "../engine/json.h"
#include "check.h"
#include "engine_case.h"
#include "model_files.h"
#include "thrown.h"

using retrace::choose_device;
using retrace::device_choice;

namespace {

std::string folder_with_cuda() { return engine_case::program_folder() + "/failing"; }

// The choice on a machine where the probe of the CUDA device gives that answer.
device_choice choose(const std::string &name, const char *answer) {
  setenv("RETRACE_PROBE_ANSWER", answer, 1);
  const device_choice choice = choose_device(name, folder_with_cuda());
  unsetenv("RETRACE_PROBE_ANSWER");
  return choice;
}
std::string device_of(const device_choice &choice) { return choice.api->name; }

constexpr const char *one_gpu = R"({"count": 1, "devices": [{}]})";
constexpr const char *old_driver = R"({"count": 0, "devices": [], "error": "The driver is too old. Update it."})";

}  // namespace

TEST_CASE("auto takes a GPU that can be used") {
  const device_choice choice = choose("auto", one_gpu);
  EXPECT_EQUAL(device_of(choice), "cuda");
  EXPECT_EQUAL(choice.reason, "a usable GPU was found");
}

TEST_CASE("auto takes the CPU where no GPU can be used, and says why") {
  const std::pair<const char *, const char *> machines[] = {
      {old_driver, "no GPU can be used: The driver is too old. Update it"},
      {R"({"count": 0, "devices": []})", "no GPU can be used: no usable device was found"},
      {R"({"devices": []})", "no GPU can be used: no usable device was found"},
      {R"({"count": "many"})", "no GPU can be used: no usable device was found"},
  };
  for (const auto &[answer, reason] : machines) {
    const device_choice choice = choose("auto", answer);
    EXPECT_EQUAL(device_of(choice), "cpu");
    EXPECT_EQUAL(choice.reason, reason);
  }
}

TEST_CASE("auto takes the CPU where the probe gives no JSON") {
  for (const char *answer : {"", "{\"count\": 1", "1 GPU"}) {
    const device_choice choice = choose("auto", answer);
    EXPECT_EQUAL(device_of(choice), "cpu");
    EXPECT_EQUAL(choice.reason.rfind("no GPU can be used: its answer cannot be read: ", 0), 0u);
  }
}

TEST_CASE("auto takes the CPU where the library of the CUDA device is missing, broken or none") {
  const model_files::temporary_folder folder;
  const device_choice missing = choose_device("auto", folder.path());
  EXPECT_EQUAL(device_of(missing), "cpu");
  EXPECT_EQUAL(missing.reason, "no GPU can be used: " + folder.file("libretrace_cuda.so") +
                                   " is not there. Build it (retrace build-native) where there is an nvcc");
  model_files::write_bytes(folder.file("libretrace_cuda.so"), "no library");
  const device_choice broken = choose_device("auto", folder.path());
  EXPECT_EQUAL(device_of(broken), "cpu");
  EXPECT(broken.reason.find("Build it again on this machine") != std::string::npos);
}

TEST_CASE("a device that is named is taken, or refused with the reason") {
  EXPECT_EQUAL(device_of(choose("cpu", old_driver)), "cpu");
  EXPECT_EQUAL(device_of(choose("cuda", one_gpu)), "cuda");
  check::expect_failure([] { choose("cuda", old_driver); }, "DEVICE_UNAVAILABLE", "The driver is too old. Update it.");
  const model_files::temporary_folder folder;
  check::expect_failure([&] { choose_device("cuda", folder.path()); }, "DEVICE_UNAVAILABLE", "is not there");
  check::expect_failure([] { choose_device("tpu", ""); }, "INVALID_OPTIONS", "Known: auto, cpu, cuda");
}

TEST_CASE("the probe of all devices says what auto is") {
  const auto found = [](const char *answer) {
    setenv("RETRACE_PROBE_ANSWER", answer, 1);
    const retrace::json_value json = retrace::parse_json(retrace::probe_devices(folder_with_cuda()));
    unsetenv("RETRACE_PROBE_ANSWER");
    EXPECT(json.find("cpu")->find("count")->number > 0);
    return json.find("auto")->find("device")->string + ": " + json.find("auto")->find("reason")->string;
  };
  EXPECT_EQUAL(found(one_gpu), "cuda: a usable GPU was found");
  EXPECT_EQUAL(found(old_driver), "cpu: no GPU can be used: The driver is too old. Update it");
}

TEST_MAIN
