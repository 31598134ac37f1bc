#include "serving/slate_log.h"

#include <chrono>
#include <utility>

#include "schema/attribute.h"
#include "schema/event.h"

namespace upnext::serving {
namespace {

constexpr auto kBetweenDrops = std::chrono::hours(6);
constexpr size_t kImpressionBytes = 400;  // of one that waits

// What a client says of a request: its names would be numbered without counting for anybody's quota.
void LeaveOutUnknown(const catalogue::Catalogue& catalogue, schema::RawEvent* event) {
  using schema::IdSpace;
  const auto is_unknown = [&](IdSpace space, const std::string& name) {
    return !name.empty() && catalogue.Find(space, name) == schema::kNone;
  };
  if (is_unknown(IdSpace::kDevice, event->device)) event->device.clear();
  if (is_unknown(IdSpace::kRegion, event->region)) event->region.clear();
  if (is_unknown(IdSpace::kItem, event->current_item)) event->current_item.clear();
  std::erase_if(event->attributes, [&](const auto& one) {
    const auto& attribute = catalogue.schema().attributes(schema::Entity::kRequest)[one.first];
    return attribute.kind == schema::Kind::kCategory && is_unknown(attribute.space, one.second);
  });
}

}  // namespace

SlateLogOptions SlateLogOptions::FromConfig(const base::Config& config) {
  const base::ConfigTable table = config.Table("serving");
  SlateLogOptions options;
  options.keep_days = table.Int("keep_slates_days", options.keep_days, {.min = 0, .max = 36'500});
  options.impressions = table.Bool("log_impressions", options.impressions);
  if (options.impressions && options.keep_days == 0) {
    table.Fail("log_impressions", "impressions are those of logged slates: set keep_slates_days");
  }
  return options;
}

SlateLog::SlateLog(std::shared_ptr<store::Store> store, const base::Clock& clock,
                   const SlateLogOptions& options)
    : store_(std::move(store)),
      clock_(clock),
      options_(options),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void SlateLog::Keep(const catalogue::Catalogue& catalogue, const SlateRecord& record,
                    uint64_t since) {
  const auto number = RequestNumber(record.id);
  if (!on() || !number) return;
  Waiting one{.kept = {.slate = {.request = *number,
                                 .time_ms = record.request.time_ms,
                                 .user = record.request.user,
                                 .bytes = EncodeSlate(catalogue.schema(), record)},
                       .since = since},
              .impressions = {},
              .bytes = 0};
  if (options_.impressions) one.impressions = ImpressionsOf(record);
  for (schema::RawEvent& event : one.impressions) LeaveOutUnknown(catalogue, &event);
  one.bytes = one.kept.slate.bytes.size() + one.impressions.size() * kImpressionBytes;
  base::MutexLock lock(mutex_);
  if (bytes_waiting_ + one.bytes > options_.most_bytes) {
    ++counts_.lost;
    return;
  }
  bytes_waiting_ += one.bytes;
  ++taken_;
  waiting_.push_back(std::move(one));
  changed_.notify_one();
}

void SlateLog::Flush() {
  base::MutexLock lock(mutex_);
  const uint64_t end = taken_;
  written_.wait(mutex_, [&]() UPNEXT_REQUIRES(mutex_) { return done_ >= end; });
}

Result<std::optional<SlateRecord>> SlateLog::Find(const schema::Schema& schema,
                                                  std::string_view id) const {
  const auto number = RequestNumber(id);
  if (!on() || !number) return std::optional<SlateRecord>();
  UPNEXT_ASSIGN_OR_RETURN(const auto stored, store_->SlateOf(*number));
  if (!stored) return std::optional<SlateRecord>();
  UPNEXT_ASSIGN_OR_RETURN(SlateRecord record, DecodeSlate(schema, *stored));
  return std::optional(std::move(record));
}

Result<std::vector<SlateRecord>> SlateLog::NewestOf(const schema::Schema& schema,
                                                    std::string_view user, size_t most) const {
  std::vector<SlateRecord> records;
  if (!on()) return records;
  Status read = Ok();
  UPNEXT_RETURN_IF_ERROR(store_->SlatesOf(user, [&](const store::StoredSlate& stored) {
    auto record = DecodeSlate(schema, stored);
    if (!record) {
      read = std::unexpected(std::move(record).error());
      return false;
    }
    records.push_back(*std::move(record));
    return records.size() < most;
  }));
  UPNEXT_RETURN_IF_ERROR(read);
  return records;
}

SlateLogCounts SlateLog::counts() const {
  base::MutexLock lock(mutex_);
  return counts_;
}

void SlateLog::Write(std::vector<Waiting> taken) {
  store::WriteBatch batch;
  batch.waits = false;
  for (Waiting& one : taken) {
    for (const schema::RawEvent& event : one.impressions) {
      batch.events.push_back({.event = &event, .id = "", .since = one.kept.since});
    }
    batch.slates.push_back(std::move(one.kept));
  }
  const auto done = store_->Commit(batch);
  base::MutexLock lock(mutex_);
  if (!done) {
    counts_.lost += taken.size();
    return;
  }
  counts_.written += done->slates.size();
  for (const size_t place : done->slates) counts_.bytes += batch.slates[place].slate.bytes.size();
}

// Also when nothing is logged any more: what is older than that goes.
void SlateLog::DropOld() {
  constexpr int64_t kDayMs = 24 * 3600 * 1000L;
  // What cannot be deleted now is deleted the next time.
  (void)store_->DropSlatesBefore(clock_.NowMs() - options_.keep_days * kDayMs);
}

void SlateLog::Run(const std::stop_token& stop) {
  DropOld();
  auto dropped = std::chrono::steady_clock::now();
  for (;;) {
    std::vector<Waiting> taken;
    {
      base::MutexLock lock(mutex_);
      const auto some_wait = [this]() UPNEXT_REQUIRES(mutex_) { return !waiting_.empty(); };
      changed_.wait_until(mutex_, stop, dropped + kBetweenDrops, some_wait);
      taken.swap(waiting_);
      bytes_waiting_ = 0;
    }
    if (taken.empty() && stop.stop_requested()) return;
    const size_t written = taken.size();
    if (written > 0) Write(std::move(taken));
    {
      base::MutexLock lock(mutex_);
      done_ += written;
      written_.notify_all();
    }
    if (std::chrono::steady_clock::now() - dropped < kBetweenDrops) continue;
    DropOld();
    dropped = std::chrono::steady_clock::now();
  }
}

}  // namespace upnext::serving
