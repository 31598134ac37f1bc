#include "net/feed_body.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/suggest.h"
#include "net/feed_rows.h"
#include "net/json_values.h"
#include "schema/attribute.h"

namespace upnext::net {
namespace {

namespace dom = simdjson::dom;
using schema::Attribute;
using schema::Entity;

enum class Shape : uint8_t { kId, kText, kCount, kFlag, kIds, kNames, kValues, kWeights, kRows };
struct FeedKey {
  std::string_view name;
  Shape shape;
};
constexpr auto kFeedKeys = std::to_array<FeedKey>({
    {"user", Shape::kId},      {"session", Shape::kId},      {"items", Shape::kIds},
    {"n", Shape::kCount},      {"offset", Shape::kCount},    {"device", Shape::kId},
    {"region", Shape::kId},    {"current_item", Shape::kId}, {"watching", Shape::kId},
    {"seed", Shape::kId},      {"exclude", Shape::kIds},     {"scenario", Shape::kText},
    {"after", Shape::kText},   {"score", Shape::kText},      {"weights", Shape::kWeights},
    {"filter", Shape::kText},  {"boost", Shape::kText},      {"parameters", Shape::kValues},
    {"return", Shape::kNames}, {"rows", Shape::kRows},       {"explain", Shape::kFlag},
});

// A target has no NUL either: it is in no id.
Result<std::string> WithoutNul(Result<std::string> text) {
  if (text && text->find('\0') != std::string::npos) {
    return InvalidArgument("expected a text without the character NUL, found one with it");
  }
  return text;
}

// The value of a parameter of an expression, as a query has it.
Result<std::string> ArgumentOf(const dom::element& value) {
  if (value.is_string()) return WithoutNul(TextOf(value));
  if (value.is_bool() || value.is_number()) return std::string(simdjson::minify(value));
  return InvalidArgument("expected a string, a number, true or false, found {}", KindOf(value));
}

Result<std::string> CountOf(const dom::element& value) {
  if (!value.is_int64() && !value.is_uint64()) {
    return InvalidArgument(
        "expected a whole number, found {}",
        value.is_number() ? std::string(simdjson::minify(value)) : std::string(KindOf(value)));
  }
  return IdOf(value);
}

class FeedBodyParser {
 public:
  explicit FeedBodyParser(const schema::Schema& schema) : schema_(schema) {}

  Result<FeedBody> Parse(const dom::element& root) {
    dom::object object;
    if (root.get(object) != simdjson::SUCCESS) {
      return InvalidArgument(R"(expected an object such as {{"user": "U"}}, found {})",
                             KindOf(root));
    }
    for (const auto& [key, value] : object) {
      if (Status set = SetKey(key, value); !set) {
        return WithContext(std::move(set).error(), key.substr(0, kShownBytes));
      }
    }
    return FeedBody{.parameters = Parameters(std::move(values_)), .rows = std::move(rows_)};
  }

 private:
  Status SetKey(std::string_view key, const dom::element& value) {
    const auto known = std::ranges::find(kFeedKeys, key, &FeedKey::name);
    const auto declared = schema_.declared(Entity::kRequest);
    const auto attribute = std::ranges::find(declared, key, &Attribute::name);
    if (known == kFeedKeys.end() && attribute == declared.end()) {
      key = key.substr(0, kShownBytes);  // looking for the nearest takes time
      return InvalidArgument("there is no such key{}", base::DidYouMean(key, Keys()));
    }
    // Readers of JSON differ in which of two equal keys they believe.
    if (std::ranges::find(given_, key) != given_.end()) {
      return InvalidArgument("the key is given twice");
    }
    given_.emplace_back(key);
    if (value.is_null()) return Ok();
    if (known == kFeedKeys.end()) return Add(key, DeclaredText(value, *attribute));
    switch (known->shape) {
      case Shape::kId:
        return Add(key, IdOf(value));
      case Shape::kText:
        return Add(key, TextOf(value));
      case Shape::kCount:
        return Add(key, CountOf(value));
      case Shape::kFlag: {
        UPNEXT_ASSIGN_OR_RETURN(const bool flag, FlagOf(value));
        return Add(key, std::string(flag ? "true" : "false"));
      }
      case Shape::kIds:
        return AddList(key, value, IdOf, "a list of ids");
      case Shape::kNames:
        return AddNames(key, value);
      case Shape::kValues:
        return AddArguments(value);
      case Shape::kWeights:
        return AddWeights(value);
      case Shape::kRows: {
        UPNEXT_ASSIGN_OR_RETURN(rows_, ParseFeedRows(schema_, value));
        return Ok();
      }
    }
    return Ok();
  }

  Status Add(std::string_view name, Result<std::string> text) {
    UPNEXT_ASSIGN_OR_RETURN(std::string checked, WithoutNul(std::move(text)));
    values_.emplace_back(name, std::move(checked));
    return Ok();
  }

  Status AddList(std::string_view name, const dom::element& value,
                 Result<std::string> (*text_of)(const dom::element&), std::string_view expected) {
    dom::array list;
    if (value.get(list) != simdjson::SUCCESS) {
      return InvalidArgument("expected {}, found {}", expected, KindOf(value));
    }
    if (name == "items" && list.size() == 0) {  // else it would ask for a feed
      return InvalidArgument("expected at least one id to rank, found none");
    }
    if (list.size() > kMaxFeedIds) {
      return InvalidArgument("expected at most {} elements, found {}", kMaxFeedIds, list.size());
    }
    size_t place = 0;
    for (const dom::element element : list) {
      if (Status added = Add(name, text_of(element)); !added) {
        return WithContext(std::move(added).error(), fmt::format("[{}]", place));
      }
      ++place;
    }
    return Ok();
  }

  Status AddNames(std::string_view key, const dom::element& value) {
    const size_t before = values_.size();
    UPNEXT_RETURN_IF_ERROR(AddList(key, value, TextOf, "a list of names of attributes"));
    std::string names;
    for (size_t i = before; i < values_.size(); ++i) {
      names += (names.empty() ? "" : ",") + values_[i].second;
    }
    values_.resize(before);
    return Add(key, std::move(names));
  }

  Status AddArguments(const dom::element& value) {
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS) {
      return InvalidArgument(R"(expected an object such as {{"max": 5}}, found {})", KindOf(value));
    }
    std::vector<std::string_view> names;
    for (const auto& [name, argument] : object) {
      if (std::ranges::find(names, name) != names.end()) {
        return InvalidArgument("{}: the name is given twice", name.substr(0, kShownBytes));
      }
      names.push_back(name);
      const std::string parameter = fmt::format("parameter.{}", name);
      const Status added = argument.is_array()
                               ? AddList(parameter, argument, ArgumentOf, "a list of values")
                               : Add(parameter, ArgumentOf(argument));
      if (!added) return WithContext(added.error(), name.substr(0, kShownBytes));
    }
    return Ok();
  }

  // {"watch": 1, "dislike": -0.5} -> "watch:1,dislike:-0.5"
  Status AddWeights(const dom::element& value) {
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS || object.size() == 0) {
      return InvalidArgument(R"(expected an object such as {{"watch": 1}}, found {})",
                             value.is_object() ? "an empty one" : KindOf(value));
    }
    std::string score;
    for (const auto& [name, weight] : object) {
      if (name.find_first_of(",:") != std::string_view::npos) {
        return InvalidArgument("expected objectives of the ranker, found '{}'",
                               name.substr(0, kShownBytes));
      }
      const auto number = NumberOf(weight);
      if (!number) return WithContext(number.error(), name.substr(0, kShownBytes));
      score += fmt::format("{}{}:{}", score.empty() ? "" : ",", name, *number);
    }
    if (std::ranges::find(given_, "score") != given_.end()) {
      return InvalidArgument("expected either score or weights, found both");
    }
    given_.emplace_back("score");
    return Add("score", std::move(score));
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const FeedKey& one : kFeedKeys) keys.emplace_back(one.name);
    for (const Attribute& one : schema_.declared(Entity::kRequest)) keys.push_back(one.name);
    return keys;
  }

  const schema::Schema& schema_;
  std::vector<std::string> given_;
  std::vector<serving::RowRequest> rows_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace

Result<FeedBody> ParseFeedBody(const schema::Schema& schema, std::string_view body) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(body.data(), body.size()).get(root)) {
    return InvalidArgument("the body is not JSON: {}", simdjson::error_message(error));
  }
  return FeedBodyParser(schema).Parse(root);
}

}  // namespace upnext::net
