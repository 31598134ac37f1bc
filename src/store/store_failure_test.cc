// The store when its files cannot be written: limits of the process stand for a full disk and for
// exhausted descriptors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "base/test_folder.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/test_limits.h"

namespace upnext::store {
namespace {

using schema::RawEvent;
using testing::HasSubstr;
using testing::IsEmpty;

class StoreFailureTest : public testing::Test {
 protected:
  StoreFailureTest() { Open(); }
  void Open() {
    store_.reset();
    auto store = OpenRocksStore(folder_ / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }
  // Posts an event with an id, whose text is of this size.
  Result<Committed> Post(int number, size_t bytes = 100) {
    RawEvent event;
    event.user = fmt::format("user {}", number % 3);
    event.item = fmt::format("{}", number);
    event.type = schema::EventType::kClick;
    event.request = std::string(bytes, 'r');
    const std::string id = fmt::format("{}", number);
    return store_->Commit({.events = {{&event, id}}, .states = {}});
  }
  // Posts until one fails, and returns its number.
  int PostUntilFailure(size_t bytes) {
    for (int number = next_;; ++number) {
      if (number - next_ > 20'000) return -1;
      if (const auto posted = Post(number, bytes); !posted) {
        error_ = posted.error();
        return next_ = number;
      }
    }
  }
  bool WaitUntilWritable() {
    for (int i = 0; i < 1500 && !store_->health().writable; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return store_->health().writable;
  }
  // How often every event is there.
  std::map<std::string, int> Stored() const {
    std::map<std::string, int> stored;
    EXPECT_TRUE(store_->AllEvents([&](const RawEvent& event) { ++stored[event.item]; }));
    return stored;
  }
  void ExpectEachOnce(int events) const {
    const auto stored = Stored();
    EXPECT_EQ(stored.size(), static_cast<size_t>(events));
    for (const auto& [item, times] : stored) EXPECT_EQ(times, 1) << item;
  }

  const base::TestFolder folder_;
  std::unique_ptr<Store> store_;
  int next_ = 0;
  Error error_ = {};
};

TEST_F(StoreFailureTest, AFullDiskRefusesWritesUntilThereIsRoomAndNoLonger) {
  for (int round = 0; round < 3; ++round) {
    const uint64_t failures = store_->health().failures;
    int failed = 0;
    {
      const LoweredLimit limit(RLIMIT_FSIZE, 1 << 20);
      failed = PostUntilFailure(10'000);
      ASSERT_GT(failed, 0);
      EXPECT_EQ(error_.code, Code::kResourceExhausted) << error_.message;
      EXPECT_THAT(error_.message, HasSubstr("File too large"));
      EXPECT_FALSE(store_->health().writable);
      EXPECT_THAT(store_->health().reason, HasSubstr("File too large"));
      EXPECT_GT(store_->health().failures, failures);
      EXPECT_FALSE(Post(failed));
      ExpectEachOnce(failed);  // reads go on, without what was refused
      std::this_thread::sleep_for(std::chrono::milliseconds(400));  // attempts to open it
      ExpectEachOnce(failed);
    }
    ASSERT_TRUE(WaitUntilWritable()) << store_->health().reason;
    EXPECT_THAT(store_->health().reason, IsEmpty());
    const auto again = Post(failed);
    ASSERT_TRUE(again) << again.error().message;
    next_ = failed + 1;
    ExpectEachOnce(next_);
  }
  Open();
  ExpectEachOnce(next_);
  EXPECT_THAT(Post(0)->accepted, IsEmpty()) << "ids are remembered";
}

TEST_F(StoreFailureTest, WithoutFileDescriptorsItRecoversToo) {
  ASSERT_TRUE(Post(0));
  next_ = 1;
  int failed = 0;
  {
    // As many as there are; the next file that RocksDB begins cannot be opened.
    const auto open = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    const LoweredLimit limit(RLIMIT_NOFILE, static_cast<rlim_t>(open - 1));
    failed = PostUntilFailure(200'000);
    ASSERT_GT(failed, 0);
    EXPECT_EQ(error_.code, Code::kUnavailable) << error_.message;
    EXPECT_FALSE(Post(failed));
    ExpectEachOnce(failed);
  }
  ASSERT_TRUE(WaitUntilWritable()) << store_->health().reason;
  ASSERT_TRUE(Post(failed));
  ExpectEachOnce(failed + 1);
  Open();
  ExpectEachOnce(failed + 1);
}

TEST_F(StoreFailureTest, AStoreWhoseDiskIsFullCanBeClosed) {
  {
    const LoweredLimit limit(RLIMIT_FSIZE, 1 << 20);
    ASSERT_GT(PostUntilFailure(10'000), 0);
    store_.reset();
  }
  Open();
  ExpectEachOnce(next_);
}

}  // namespace
}  // namespace upnext::store
