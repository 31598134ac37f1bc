// What was served, as bytes for the log of slates (docs/formats/slate.md): every input of the answer, what the answer
// rests on, and the answer with the exact bits of its numbers, so that it can be made again and compared.
//
//   const std::string bytes = EncodeSlate(schema, record);
//   UPNEXT_ASSIGN_OR_RETURN(const SlateRecord record, DecodeSlate(schema, stored));
//   for (const schema::RawEvent& shown : ImpressionsOf(record)) ...
//
// Plain values and pure functions.
#ifndef UPNEXT_SERVING_SLATE_RECORD_H_
#define UPNEXT_SERVING_SLATE_RECORD_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/slate.h"
#include "store/slates.h"

namespace upnext::serving {

struct SlateRecord {
  std::string id = {};     // of the request
  Request request = {};    // with what the service added
  std::string after = {};  // the request of the page before, "" on the first one
  std::string bundle_version = {}, log_version = {};
  SlateBasis basis = {};
  std::vector<Recommendation> items = {};  // without titles and reasons
};

// The number that the id of a request writes; none for text that is no id.
std::optional<uint64_t> RequestNumber(std::string_view id);
std::string RequestId(uint64_t number);

// Without the user, the time and the id of the request, which the store keeps separately.
std::string EncodeSlate(const schema::Schema& schema, const SlateRecord& record);
// kDataLoss for bytes that EncodeSlate could not have written. Attributes that the schema does not declare any more are
// left out.
Result<SlateRecord> DecodeSlate(const schema::Schema& schema, const store::StoredSlate& stored);

// The part of the bytes that is the answer. Equal answers have equal bytes, and others do not.
std::string EncodeAnswer(std::span<const Recommendation> items);
// The first difference of two answers in words, "" when their bytes are equal.
std::string DifferenceOf(std::span<const Recommendation> served,
                         std::span<const Recommendation> now);

// The events that a client would send when all items of the slate were seen. Positions go on over the pages of a list.
std::vector<schema::RawEvent> ImpressionsOf(const SlateRecord& record);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SLATE_RECORD_H_
