// The C library as a program uses it, and a small project with models. For tests only.
#ifndef UPNEXT_API_TEST_LIBRARY_H_
#define UPNEXT_API_TEST_LIBRARY_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/upnext.h"
#include "base/arrow_c.h"
#include "base/test_folder.h"

namespace upnext::api {

struct LibraryError {
  int code = UPNEXT_OK;
  std::string message = {};
};

inline LibraryError TakeError(upnext_error* error) {
  LibraryError out{upnext_error_code(error), upnext_error_message(error)};
  upnext_error_free(error);
  return out;
}

// A table that a call gave.
struct LibraryTable {
  ArrowSchema schema = {};
  ArrowArray array = {};
  LibraryTable() = default;
  LibraryTable(LibraryTable&& other) noexcept
      : schema(std::exchange(other.schema, {})), array(std::exchange(other.array, {})) {}
  LibraryTable& operator=(LibraryTable&&) = delete;
  ~LibraryTable() {
    if (schema.release != nullptr) schema.release(&schema);
    if (array.release != nullptr) array.release(&array);
  }
  std::string Text(const ArrowArray& texts, int64_t row) const {
    const auto* offsets = static_cast<const int32_t*>(texts.buffers[1]);
    const auto* bytes = static_cast<const char*>(texts.buffers[2]);
    return {bytes + offsets[row], bytes + offsets[row + 1]};
  }
  std::string Word(int column, int64_t row) const {
    const ArrowArray& numbers = *array.children[column];
    return Text(*numbers.dictionary, static_cast<const int32_t*>(numbers.buffers[1])[row]);
  }
};

// Starts a call and waits for its end.
class LibraryCall {
 public:
  LibraryCall(upnext_project* project, const char* operation, const nlohmann::json& request) {
    error_ = TakeError(upnext_call_start(project, operation, request.dump().c_str(), &call_));
    if (call_ == nullptr) return;
    while (!upnext_call_wait(call_, 100)) TakeNews();
    TakeNews();
    if (const upnext_error* error = upnext_call_error(call_)) {
      error_ = {upnext_error_code(error), upnext_error_message(error)};
    }
  }
  ~LibraryCall() { upnext_call_free(call_); }
  LibraryCall(const LibraryCall&) = delete;
  LibraryCall& operator=(const LibraryCall&) = delete;

  const LibraryError& error() const { return error_; }
  const std::vector<std::string>& notes() const { return notes_; }
  const std::vector<std::string>& stages() const { return stages_; }  // that ended
  nlohmann::json result() const {
    EXPECT_EQ(error_.code, UPNEXT_OK) << error_.message;
    size_t size = 0;
    const char* json = upnext_call_result(call_, &size);
    return nlohmann::json::parse(std::string(json, size));
  }
  LibraryTable Table(const char* name) const {
    LibraryTable table;
    const LibraryError error =
        TakeError(upnext_call_table(call_, name, &table.schema, &table.array));
    EXPECT_EQ(error.code, UPNEXT_OK) << error.message;
    return table;
  }
  upnext_call* get() const { return call_; }

 private:
  void TakeNews() {
    const nlohmann::json news = nlohmann::json::parse(upnext_call_news(call_));
    for (const auto& line : news["notes"]) notes_.push_back(line);
    for (const auto& stage : news["stages"]) {
      if (stage["ended"].get<bool>()) stages_.push_back(stage["stage"]);
    }
  }
  upnext_call* call_ = nullptr;
  LibraryError error_;
  std::vector<std::string> notes_, stages_;
};

// A project of a simulated video site, whose data folder is given when it is opened.
inline std::string SmallProject() {
  return "[import]\n"
         "events = \"SELECT * FROM '{data}/events.parquet'\"\n"
         "items = \"SELECT * FROM '{data}/items.parquet'\"\n"
         "users = \"SELECT * FROM '{data}/users.parquet'\"\n"
         "[retrieval]\ndim = 8\ndepth = 1\nbatch = 64\nepochs = 1\n"
         "[ranking]\nwidths = [8]\nbatch = 64\nepochs = 1\n";
}

class LibraryTest : public ::testing::Test {
 protected:
  upnext_project* Open(const std::string& name) {
    upnext_project* project = nullptr;
    const LibraryError error = TakeError(upnext_project_open("site.toml", SmallProject().c_str(),
                                                             (folder_ / "data").c_str(),
                                                             (folder_ / name).c_str(), &project));
    EXPECT_EQ(error.code, UPNEXT_OK) << error.message;
    return project;
  }
  void Simulate(int users = 80) {
    const LibraryCall simulated(
        nullptr, "simulate",
        {{"out", (folder_ / "data").string()}, {"users", users}, {"items", 120}, {"days", 8}});
    ASSERT_EQ(simulated.error().code, UPNEXT_OK) << simulated.error().message;
  }
  // With a log and models.
  upnext_project* Trained(const std::string& name) {
    if (!std::filesystem::exists(folder_ / "data")) Simulate();
    upnext_project* project = Open(name);
    EXPECT_EQ(LibraryCall(project, "import", nlohmann::json::object()).error().message, "");
    EXPECT_EQ(LibraryCall(project, "train", {{"force", true}}).error().message, "");
    return project;
  }

  base::TestFolder folder_;
};

}  // namespace upnext::api

#endif  // UPNEXT_API_TEST_LIBRARY_H_
