#include "net/entity_json.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/suggest.h"
#include "net/json_values.h"
#include "schema/values.h"

namespace upnext::net {
namespace {

namespace dom = simdjson::dom;
using schema::Attribute;
using schema::Entity;
using schema::Kind;

// The line of the project file that would let a key be taken, "" where no attribute fits its value.
std::string LineToDeclare(Entity entity, std::string_view key, const dom::element& value) {
  const std::string_view kind = value.is_number()   ? "number"
                                : value.is_bool()   ? "flag"
                                : value.is_string() ? "category"
                                : value.is_array()  ? "categories"
                                                    : "";
  if (kind.empty()) return "";
  return fmt::format(
      "; an attribute of {0} is a line in the project file: [schema.{0}] {1} = \"{2}\"",
      schema::EntityName(entity), key, kind);
}

Result<std::string> VectorText(const dom::array& list) {
  std::vector<float> numbers;
  for (const dom::element element : list) {
    UPNEXT_ASSIGN_OR_RETURN(const double number, NumberOf(element));
    numbers.push_back(static_cast<float>(number));
  }
  return schema::TextOf(numbers);
}

// Parses the objects of one body.
class RowParser {
 public:
  RowParser(const schema::Schema& schema, Entity entity)
      : schema_(schema), entity_(entity), attributes_(schema.attributes(entity)) {}

  // `name`: what the id must be, "" for any.
  Result<ParsedRow> Parse(const dom::element& element, std::string_view name) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      return InvalidArgument("expected an object, found {}", KindOf(element));
    }
    ParsedRow parsed;
    has_id_ = false;
    for (const auto& [key, value] : object) {
      if (Status set = SetKey(key, value, &parsed); !set) {
        return WithContext(std::move(set).error(), key.substr(0, kShownBytes));
      }
    }
    if (!name.empty() && has_id_ && parsed.row.name != name) {
      return InvalidArgument("{}: expected '{}', as in the path, found '{}'", WordOf(entity_), name,
                             parsed.row.name.substr(0, kShownBytes));
    }
    if (!name.empty()) parsed.row.name = name;
    std::ranges::stable_sort(parsed.row.attributes, {}, &std::pair<uint32_t, std::string>::first);
    UPNEXT_RETURN_IF_ERROR(schema::CheckEntity(schema_, entity_, parsed.row));
    return parsed;
  }

 private:
  Status SetKey(std::string_view key, const dom::element& value, ParsedRow* parsed) {
    // Readers of JSON differ in which of two equal keys they believe.
    if (key == WordOf(entity_)) {
      if (std::exchange(has_id_, true)) return InvalidArgument("the key is given twice");
      UPNEXT_ASSIGN_OR_RETURN(parsed->row.name, IdOf(value));
      return Ok();
    }
    const std::optional<uint32_t> number = schema_.FindAttribute(entity_, key);
    if (!number) {
      key = key.substr(0, kShownBytes);  // looking for the nearest takes time
      return InvalidArgument("there is no such key{}{}", base::DidYouMean(key, Keys()),
                             LineToDeclare(entity_, key, value));
    }
    if (std::ranges::find(parsed->mentioned, *number) != parsed->mentioned.end()) {
      return InvalidArgument("the key is given twice");
    }
    parsed->mentioned.push_back(*number);
    if (value.is_null()) return Ok();
    const Attribute& attribute = attributes_[*number];
    const auto add = [&](std::string text) -> Status {
      if (text.empty()) return Ok();  // absent, as in the import
      UPNEXT_RETURN_IF_ERROR(schema::CheckText(attribute, text));
      parsed->row.attributes.emplace_back(*number, std::move(text));
      return Ok();
    };
    if (attribute.kind == Kind::kCategories || attribute.kind == Kind::kVector) {
      dom::array list;
      if (value.get(list) != simdjson::SUCCESS) {
        return InvalidArgument(
            "expected {}, found {}",
            attribute.kind == Kind::kVector ? schema::Expected(attribute) : "a list of ids",
            KindOf(value));
      }
      if (attribute.kind == Kind::kVector) {
        UPNEXT_ASSIGN_OR_RETURN(std::string text, VectorText(list));
        if (list.size() == 0) return schema::CheckText(attribute, text);
        return add(std::move(text));
      }
      for (const dom::element element : list) {
        UPNEXT_ASSIGN_OR_RETURN(std::string id, IdOf(element));
        UPNEXT_RETURN_IF_ERROR(add(std::move(id)));
      }
      return Ok();
    }
    UPNEXT_ASSIGN_OR_RETURN(std::string text, DeclaredText(value, attribute));
    return add(std::move(text));
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys = {std::string(WordOf(entity_))};
    for (const Attribute& attribute : attributes_) keys.push_back(attribute.name);
    return keys;
  }

  const schema::Schema& schema_;
  const Entity entity_;
  const std::span<const Attribute> attributes_;
  bool has_id_ = false;  // the object at hand
};

Result<dom::element> ParseJson(dom::parser& parser, std::string_view text) {
  dom::element root;
  if (const auto error = parser.parse(text.data(), text.size()).get(root)) {
    return InvalidArgument("expected JSON: {}", simdjson::error_message(error));
  }
  return root;
}

// Adds a row, or gives its error the place.
Status AddRow(Result<ParsedRow> row, std::string_view place, size_t number,
              std::vector<ParsedRow>* rows) {
  if (!row) {
    const std::string where =
        place == "line" ? fmt::format("line {}", number) : fmt::format("{}[{}]", place, number);
    return WithContext(std::move(row).error(), where);
  }
  if (rows->size() == kMaxRows) {
    return InvalidArgument("expected at most {} {} in a batch, found more", kMaxRows,
                           place == "line" ? "lines" : place);
  }
  rows->push_back(*std::move(row));
  return Ok();
}

}  // namespace

std::string_view WordOf(Entity entity) { return entity == Entity::kItem ? "item" : "user"; }

Result<ParsedRow> ParseRow(const schema::Schema& schema, Entity entity, std::string_view name,
                           std::string_view body) {
  dom::parser parser;
  Result<dom::element> root = ParseJson(parser, body);
  if (!root) return WithContext(std::move(root).error(), "the body");
  return RowParser(schema, entity).Parse(*root, name);
}

Result<std::vector<ParsedRow>> ParseRows(const schema::Schema& schema, Entity entity,
                                         std::string_view body, BodyFormat format) {
  std::vector<ParsedRow> rows;
  RowParser one(schema, entity);
  dom::parser parser;
  if (format == BodyFormat::kJson) {
    Result<dom::element> root = ParseJson(parser, body);
    if (!root) return WithContext(std::move(root).error(), "the body");
    dom::array list;
    if (root->get(list) != simdjson::SUCCESS) {
      return InvalidArgument("the body: expected an array of {}, found {}",
                             schema::EntityName(entity), KindOf(*root));
    }
    size_t number = 0;
    for (const dom::element element : list) {
      UPNEXT_RETURN_IF_ERROR(
          AddRow(one.Parse(element, ""), schema::EntityName(entity), number++, &rows));
    }
    return rows;
  }
  size_t number = 0;
  while (!body.empty()) {
    const std::string_view line = TakeLine(&body);
    ++number;
    if (line.empty()) continue;
    const auto parse = [&]() -> Result<ParsedRow> {
      UPNEXT_ASSIGN_OR_RETURN(const dom::element root, ParseJson(parser, line));
      return one.Parse(root, "");
    };
    UPNEXT_RETURN_IF_ERROR(AddRow(parse(), "line", number, &rows));
  }
  return rows;
}

}  // namespace upnext::net
