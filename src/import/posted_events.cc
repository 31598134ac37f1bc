#include "import/posted_events.h"

#include <span>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "schema/values.h"

namespace upnext::import {
namespace {

// Turns posted events into rows of the spool.
class PostedIntake {
 public:
  PostedIntake(const schema::Schema& schema, ImportNames& names, EventSpool& spool)
      : attributes_(schema.attributes(schema::Entity::kRequest)),
        declared_(schema.declared(schema::Entity::kRequest)),
        names_(names),
        spool_(spool) {}

  Status Take(const schema::RawEvent& raw) {
    const auto fingerprint = [](std::string_view id) {
      return id.empty() ? 0 : base::Fingerprint(id);
    };
    const SpooledEvent event = {.time_ms = raw.time_ms,
                                .request = fingerprint(raw.request),
                                .id = fingerprint(raw.id),
                                .user = Number(schema::IdSpace::kUser, raw.user),
                                .item = Number(schema::IdSpace::kItem, raw.item),
                                .query = Number(schema::IdSpace::kQuery, raw.query),
                                .source = Number(schema::IdSpace::kSource, raw.source),
                                .device = Number(schema::IdSpace::kDevice, raw.device),
                                .region = Number(schema::IdSpace::kRegion, raw.region),
                                .current_item = Number(schema::IdSpace::kItem, raw.current_item),
                                .value = raw.value,
                                .source_score = raw.source_score,
                                .propensity = raw.propensity,
                                .position = raw.position,
                                .type = raw.type,
                                .off_site = raw.off_site,
                                .posted = true};
    UPNEXT_RETURN_IF_ERROR(SetWords(raw.attributes));
    return spool_.Add(std::span(&event, 1), words_);
  }

 private:
  uint32_t Number(schema::IdSpace space, std::string_view name) {
    return name.empty() ? schema::kNone : names_[static_cast<size_t>(space)].Add(name);
  }
  Status SetWords(const schema::RawAttributes& attributes) {
    words_.clear();
    for (const schema::Attribute& attribute : declared_) {
      words_.push_back(ToWord({}, attribute.kind));
    }
    const size_t built_in = attributes_.size() - declared_.size();
    for (const auto& [number, text] : attributes) {
      const schema::Attribute& attribute = attributes_[number];
      schema::AttributeValue value;
      if (attribute.kind == schema::Kind::kCategory) {
        value.category = Number(attribute.space, text);
      } else {
        UPNEXT_ASSIGN_OR_RETURN(value, schema::ParseValue(attribute, text));
      }
      words_[number - built_in] = ToWord(value, attribute.kind);
    }
    return Ok();
  }

  const std::span<const schema::Attribute> attributes_, declared_;
  ImportNames& names_;
  EventSpool& spool_;
  std::vector<uint64_t> words_;
};

}  // namespace

Result<PostedEvents> SpoolPosted(const ImportOptions& options, const log::PostedMark& since,
                                 ImportNames& names, EventSpool& spool, PostedRows& rows,
                                 RejectsFile& rejects) {
  PostedIntake intake(options.schema, names, spool);
  PostedEvents posted;
  const PostedVisitor visit = {
      .event = [&](const schema::RawEvent& event) -> Status {
        if (const Status fits = schema::CheckEvent(options.schema, event); !fits) {
          ++posted.bad;
          return rejects.Add({.table = Table::kEvents,
                              .file = "store",
                              .reason = fits.error().message,
                              .text = fmt::format("user {}, item {}", event.user, event.item)});
        }
        ++posted.good;
        return intake.Take(event);
      },
      .row = [&](schema::Entity entity, const schema::RawEntity& row,
                 bool deleted) { return rows.Add(entity, row, deleted); }};
  UPNEXT_ASSIGN_OR_RETURN(posted.mark, options.posted(since, visit));
  return posted;
}

}  // namespace upnext::import
