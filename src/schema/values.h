// What values from outside may be: one set of rules for the import, which makes SQL of them, for
// bodies of requests, for the store and for WriteEventLog.
//
//   if (!Allows(attribute, 200.0)) return InvalidArgument("expected {}", Expected(attribute));
//   UPNEXT_RETURN_IF_ERROR(CheckEvent(schema, raw));     "age: expected a number in [0, 150], ..."
//
// Pure functions.
#ifndef UPNEXT_SCHEMA_VALUES_H_
#define UPNEXT_SCHEMA_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::schema {

// The column `value` of events: finite and in [0, kMaxValue].
const Attribute& ValueColumn();

// What a value of the attribute should be, as a noun: "a number in [0, 150]", "true or false".
std::string Expected(const Attribute& attribute);
// Whether a number is within the bounds of its attribute.
bool Allows(const Attribute& attribute, double number);
// True when an id has a control character (of ASCII or U+0080 to U+009F), a line or paragraph
// separator, or a mark that changes the direction of text: where ids are printed it would break
// lines and columns, or show other ids than there are. Queries and titles may have them.
bool HasControlBytes(std::string_view id);
// kInvalidArgument with what was expected and found; names no attribute.
Status CheckNumber(const Attribute& attribute, double number);
Status CheckTime(int64_t time_ms);
Status CheckId(std::string_view id, bool any_bytes = false);

// Attributes of raw rows are text: a flag "true" or "false", a number in decimal, a time in seconds
// since 1970, a vector as numbers between spaces, a category and a text as they are.
std::string TextOf(const Attribute& attribute, const AttributeValue& value);  // "" when absent
std::string TextOf(std::span<const float> vector);
// The value of a flag, number or time; kInvalidArgument for other text. Checks ids and texts.
Result<AttributeValue> ParseValue(const Attribute& attribute, std::string_view text);
Result<std::vector<float>> ParseVector(const Attribute& attribute, std::string_view text);

// kInvalidArgument that names the column when a row breaks a rule.
Status CheckEvent(const Schema& schema, const RawEvent& event);
Status CheckItem(const Schema& schema, const RawItem& item);
Status CheckUser(const Schema& schema, const RawUser& user);
Status CheckEntity(const Schema& schema, Entity entity, const RawEntity& row);
// That the text is a value of the attribute.
Status CheckText(const Attribute& attribute, std::string_view text);
Status CheckDeclared(const Schema& schema, Entity entity, const RawAttributes& attributes);

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_VALUES_H_
