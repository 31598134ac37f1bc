// What is said of a network of others next to it, in JSON: which columns of the examples go into which
// of its inputs, and what comes out: predictions of objectives (docs/formats/onnx_ranker.md) or the
// vector of a user, next to those of the items (docs/formats/onnx_encoder.md).
//
//   UPNEXT_ASSIGN_OR_RETURN(const Manifest manifest,
//                           Manifest::Parse(text, "model.json", Of::kRanker));
//
// A value.
#ifndef UPNEXT_ONNX_MANIFEST_H_
#define UPNEXT_ONNX_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace upnext::onnx {

// What a network stands for. It decides the keys of the manifest and the columns that there are.
enum class Of : uint8_t { kRanker, kUserEncoder };

// A column of the examples, and what the network reads where it is NULL.
struct Column {
  std::string name;
  std::optional<double> missing;  // none: that of the input
};

struct Input {
  std::string name;             // empty: the network has one
  std::vector<Column> columns;  // side by side; those that are vectors have their width ...
  std::string list;             // ... or one column that is a list, of which the newest
  uint32_t length = 0;          // this many are read, filled up in front
  // None: NaN in numbers that can be, 0 in whole numbers and in lists.
  std::optional<double> missing;
};

struct Output {
  enum class Is : uint8_t { kValue, kProbability, kLogit };
  std::string objective;
  std::string name;      // empty: the network has one
  uint32_t column = 0;   // of an output [rows, columns]
  std::optional<Is> is;  // none: kProbability for objectives that are shares, else kValue
};

struct Manifest {
  std::string features;  // file with the statistics of the examples, as the manifest has it
  std::vector<Input> inputs;
  std::vector<Output> outputs;  // of a ranker
  // Of a user encoder: the file with the items' vectors, as the manifest has it, and the output with
  // the user's, empty if the network has one.
  std::string items, output;

  // kInvalidArgument with the key of the first mistake; `name` stands for the text in messages.
  static Result<Manifest> Parse(std::string_view json, std::string_view name, Of of);
};

}  // namespace upnext::onnx

#endif  // UPNEXT_ONNX_MANIFEST_H_
