// Writes the binary seeds with the writers of the rooms: usage: write_seeds fuzz/corpus
#include "base/file.h"
#include "base/section_file.h"
#include "catalogue/catalogue.h"
#include "features/user_state.h"
#include "fuzz/harness.h"
#include "fuzz/state_specs.h"
#include "fuzz/test_log.h"
#include "store/event_codec.h"
#include "store/record_codec.h"

namespace upnext::fuzz {
namespace {

namespace fs = std::filesystem;

Status WriteSectionFiles(const fs::path& folder) {
  UPNEXT_ASSIGN_OR_RETURN(auto empty, base::SectionWriter::Create(folder / "empty", "fuzz", 1));
  UPNEXT_RETURN_IF_ERROR(empty.Commit());
  UPNEXT_ASSIGN_OR_RETURN(auto writer, base::SectionWriter::Create(folder / "three", "fuzz", 1));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>("values", std::vector<float>{1.5f, -2.0f, 0.25f}));
  const std::vector<std::string> names = {"a", "", "long name"};
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "names", names));
  return writer.Commit();
}

using Seeds = std::vector<std::pair<std::string_view, std::string>>;

Status WriteAll(const fs::path& folder, const Seeds& seeds, std::string_view prefix = "") {
  for (const auto& [name, bytes] : seeds) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(folder / name, std::string(prefix) + bytes));
  }
  return Ok();
}

// One edit in the encoding of section_edits.h.
std::string Edited(char file, char section, char operation, uint16_t offset, char length,
                   std::string_view data) {
  const auto low = static_cast<char>(offset & 0xff), high = static_cast<char>(offset >> 8);
  return std::string{file, section, operation, low, high, length} + std::string(data);
}

// Edits as event_log_fuzz.cc describes them.
Status WriteLogEdits(const fs::path& folder) {
  // Files: 0 dictionaries, 1 items, 2 users, 3 and 4 shards, 5 meta.
  const Seeds seeds = {
      {"unchanged", ""},
      {"later_time", Edited(3, 0, 0, 0, 8, std::string("\xe9\x03\0\0\0\0\0\0", 8))},
      {"other_item", Edited(3, 2, 0, 0, 1, "\x01")},
      {"renamed", Edited(0, 1, 0, 0, 1, "z")},
      {"empty_slots", Edited(0, 2, 0, 0, 32, std::string(32, '\xff'))},
      {"no_duration", Edited(1, 1, 3, 0, 0, "")},
      {"longer_column", Edited(2, 0, 1, 0, 4, std::string(4, '\0'))},
      {"shorter_column", Edited(4, 1, 2, 0, 1, "")},
      {"other_type", Edited(1, 0, 4, 0, 9, "")},
      {"own_tag", Edited(1, 14, 0, 0, 1, "\x07")},
      {"own_text", Edited(1, 15, 0, 8, 1, "\x7f")},
      {"own_vector", Edited(1, 17, 0, 4, 4, std::string("\0\0\xc0\x7f", 4))},
      {"other_schema", Edited(0, 39, 0, 14, 4, "like")},
      {"no_schema", Edited(0, 39, 3, 0, 0, "")},
      {"other_counts", Edited(5, 0, 0, 0, 1, "\x04") + Edited(5, 1, 0, 0, 1, "\x02")}};
  // Of the log with an append: 0 dictionaries, 1 items, 2 users, 3 to 6 event files, 7 order, 8
  // meta.
  const Seeds grown = {{"grown_unchanged", ""},
                       {"grown_run_row", Edited(7, 0, 0, 8, 1, "\x02")},
                       {"grown_run_place", Edited(7, 1, 0, 8, 1, "\x02")},
                       {"grown_run_less", Edited(7, 0, 2, 8, 8, "") + Edited(7, 1, 2, 8, 8, "")},
                       {"grown_later_time", Edited(5, 0, 0, 0, 1, "\xff")},
                       {"grown_segments", Edited(8, 5, 0, 0, 1, "\x04")},
                       {"grown_generation", Edited(0, 7, 0, 0, 1, "\x01")}};
  UPNEXT_RETURN_IF_ERROR(WriteAll(folder, seeds));
  return WriteAll(folder, grown, "\xff");
}

// The same for bundle_fuzz.cc. Files: 0 features, 1 candidate, 2 index, 3 ranker, 4 co-watch,
// 5 trending, 6 popular, 7 topic, 14 statistics of the reference, 15 reference.
Status WriteBundleEdits(const fs::path& folder) {
  const Seeds seeds = {
      {"unchanged", ""},
      {"other_row", Edited(0, 9, 0, 0, 1, "\x02")},
      {"other_depth", Edited(1, 3, 0, 12, 1, "\x02")},
      {"more_items", Edited(1, 12, 0, 0, 1, "\x7f")},
      {"other_vectors", Edited(1, 13, 0, 40, 4, std::string(4, '\x3f'))},
      {"no_index_kind", Edited(2, 0, 3, 0, 0, "")},
      {"far_entry", Edited(2, 5, 0, 0, 1, "\x7f")},
      {"other_degree", Edited(2, 2, 0, 0, 1, "\x07")},
      {"wide_ranker", Edited(3, 0, 0, 0, 1, "[")},
      {"other_shape", Edited(3, 2, 0, 0, 1, "\x01")},
      {"other_positions", Edited(3, 0, 0, 555, 2, "49")},
      {"other_label", Edited(3, 0, 0, 1781, 10, "completed!")},
      {"fewer_knots", Edited(3, 10, 0, 4, 1, "\x64")},
      {"other_knot", Edited(3, 11, 0, 4, 4, std::string("\0\0\x80\x3e", 4))},
      {"nan_knot", Edited(3, 12, 0, 4, 4, std::string("\0\0\xc0\x7f", 4))},
      {"other_threshold", Edited(3, 13, 0, 4, 4, std::string("\0\0\x80\x41", 4))},
      {"no_levels", Edited(3, 14, 3, 0, 0, "")},
      {"other_bias", Edited(3, 41, 0, 4, 4, std::string("\0\0\x80\x3f", 4))},
      {"shorter_bias", Edited(3, 41, 2, 0, 4, "")},
      {"far_item", Edited(6, 0, 0, 0, 1, "\x27") + Edited(5, 0, 0, 0, 1, "\x26")},
      {"far_neighbour", Edited(4, 0, 0, 0, 1, "\x7f")},
      {"shorter_list", Edited(4, 1, 2, 0, 8, "")},
      {"other_reference", Edited(15, 13, 0, 40, 4, std::string("\0\0\x80\x3e", 4))},
      {"other_reference_row", Edited(14, 9, 0, 0, 1, "\x02")},
      {"other_reference_depth", Edited(15, 3, 0, 12, 1, "\x02")},
      {"other_topic", Edited(7, 1, 0, 0, 1, "\x27")},
      {"longer_topic", Edited(7, 0, 0, 8, 1, "\x7f")}};
  return WriteAll(folder, seeds);
}

Status WriteStates(const fs::path& folder) {
  const ScratchFolder scratch;
  WriteTestLog(scratch.path());
  UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, log::EventLog::Open(scratch.path()));
  const catalogue::Catalogue catalogue(std::move(log));
  const features::PositiveRule rule;
  const std::vector<features::StateSpec> specs = StateSpecs();
  features::UserState all(specs.front()), said(specs.back());
  for (uint32_t user = 0; user < catalogue.log().users(); ++user) {
    features::UserState state(all.spec());
    for (uint64_t row = catalogue.log().begin(user); row < catalogue.log().end(user); ++row) {
      state.Apply(catalogue.log().event(row), catalogue, rule);
      all.Apply(catalogue.log().event(row), catalogue, rule);
      said.Apply(catalogue.log().event(row), catalogue, rule);
    }
    UPNEXT_RETURN_IF_ERROR(
        base::WriteFileAtomic(folder / fmt::format("user_{}", user), state.Serialize()));
  }
  UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(folder / "said", said.Serialize()));
  return base::WriteFileAtomic(folder / "all", all.Serialize());
}

Status WriteEvents(const fs::path& folder) {
  using schema::EventType;
  const schema::Schema schema = TestSchema();
  const auto of_request = [&](std::string_view name) {
    return *schema.FindAttribute(schema::Entity::kRequest, name);
  };
  const std::vector<std::pair<std::string_view, schema::RawEvent>> seeds = {
      {"wish",
       {.user = "u",
        .item = "i",
        .type = *schema.FindEventType("wish"),
        .attributes = {{of_request("page"), "home"}, {of_request("signed_in"), "true"}}}},
      {"watch", {.user = "u", .item = "i", .time_ms = 7, .type = EventType::kWatch, .value = 3}},
      {"search", {.user = "u", .type = EventType::kSearch, .query = "live"}},
      {"impression",
       {.user = "u",
        .item = "i",
        .request = "r",
        .source = "home",
        .device = "tv",
        .region = "de",
        .current_item = "j",
        .position = 3,
        .propensity = 0.5f,
        .source_score = 2.5f,
        .off_site = true}}};
  for (const auto& [name, event] : seeds) {
    UPNEXT_RETURN_IF_ERROR(
        base::WriteFileAtomic(folder / name, store::EncodeEvent(schema, event, "e-1")));
  }
  return Ok();
}

Status WriteRecords(const fs::path& folder) {
  const schema::Schema schema = TestSchema();
  const auto of_item = [&](std::string_view name) {
    return *schema.FindAttribute(schema::Entity::kItem, name);
  };
  const std::vector<std::pair<std::string_view, store::RecordBody>> seeds = {
      {"item",
       {.attributes = {{schema::item_attribute::kTitle, "A"},
                       {of_item("stock"), "true"},
                       {of_item("price"), "2.5"},
                       {of_item("listed"), "7.000"},
                       {of_item("tags"), "x"},
                       {of_item("tags"), "y"},
                       {of_item("vector"), "1 2"}}}},
      {"deleted", {.deleted = true}},
      {"bare", {}}};
  for (const auto& [name, record] : seeds) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(
        folder / name, store::EncodeRecord(schema, schema::Entity::kItem, record)));
  }
  const store::RecordBody user{.attributes = {{schema::user_attribute::kAge, "44"},
                                              {schema::user_attribute::kRegion, "DE"}}};
  return base::WriteFileAtomic(folder / "user",
                               store::EncodeRecord(schema, schema::Entity::kUser, user));
}

Status WriteAll(const fs::path& corpus) {
  for (const std::string_view name :
       {"section_file", "event_log", "bundle", "user_state", "store_event", "store_record"}) {
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(corpus / name));
  }
  UPNEXT_RETURN_IF_ERROR(WriteSectionFiles(corpus / "section_file"));
  UPNEXT_RETURN_IF_ERROR(WriteLogEdits(corpus / "event_log"));
  UPNEXT_RETURN_IF_ERROR(WriteBundleEdits(corpus / "bundle"));
  UPNEXT_RETURN_IF_ERROR(WriteStates(corpus / "user_state"));
  UPNEXT_RETURN_IF_ERROR(WriteEvents(corpus / "store_event"));
  return WriteRecords(corpus / "store_record");
}

}  // namespace
}  // namespace upnext::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_seeds fuzz/corpus\n");
    return 2;
  }
  if (const auto written = upnext::fuzz::WriteAll(argv[1]); !written) {
    std::fprintf(stderr, "write_seeds: %s\n", written.error().message.c_str());
    return 1;
  }
  return 0;
}
