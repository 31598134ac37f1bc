// Runs a program, without allocation.
//
//   const Value value = Evaluate(program.steps, slots, catalogue, item);
//
// Pure functions: any number of threads.
#ifndef UPNEXT_EXPRESSION_EVALUATE_H_
#define UPNEXT_EXPRESSION_EVALUATE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "catalogue/catalogue.h"
#include "expression/program.h"

namespace upnext::expression {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// A number (a flag: 0 or 1, a time: seconds since 1970; NaN when missing), or a view of ids, of
// characters or of a list (of size 0 when missing). Left uninitialised by its constructor, for the
// stack.
struct Value {
  union {
    double number;
    const uint32_t* ids;
    const char* characters;
    const float* numbers;
    const std::string_view* texts;
  };
  size_t size;

  static Value Of(double number) {
    Value value;
    value.number = number;
    value.size = 0;
    return value;
  }
  static Value Of(std::span<const uint32_t> ids) {
    Value value;
    value.ids = ids.data();
    value.size = ids.size();
    return value;
  }
  static Value Of(std::string_view text) {
    Value value;
    value.characters = text.data();
    value.size = text.size();
    return value;
  }
  std::span<const uint32_t> as_ids() const { return {ids, size}; }
  std::string_view as_text() const { return {characters, size}; }
};

double SecondsOf(int64_t time_ms);  // kMissing of schema::kNoTime

// `slots`: by number, those that the steps read. The value holds as long as catalogue and slots.
Value Evaluate(std::span<const Step> steps, std::span<const Value> slots,
               const catalogue::Catalogue& catalogue, const uint32_t& item);

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_EVALUATE_H_
