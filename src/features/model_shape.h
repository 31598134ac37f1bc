// What a model must know of its inputs: its tables, and where each feature lies. Saved with the
// model, so that it is refused with statistics that it does not fit.
//
//   ModelShape shape = ShapeOf(tables, Model::kRanking);
//
// A plain value.
#ifndef UPNEXT_FEATURES_MODEL_SHAPE_H_
#define UPNEXT_FEATURES_MODEL_SHAPE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "features/feature_statistics.h"

namespace upnext::features {

struct ModelShape {
  // Of vocabularies that features share (RK-02), in the order of their first use.
  struct Table {
    std::string name;  // of the vocabulary
    uint32_t rows = 1;
    friend bool operator==(const Table&, const Table&) = default;
  };
  // A categorical feature.
  struct Slot {
    std::string feature;
    uint32_t table = 0;    // whose rows it reads
    bool list = false;     // several ids
    bool ordered = false;  // ... oldest first
    // Of ordered lists: those of one number have an id for each event of the same events. They are a
    // list of items and what is said of each; 0: nothing else is said.
    uint32_t events = 0;
    friend bool operator==(const Slot&, const Slot&) = default;
  };
  struct SideShape {
    std::vector<Slot> slots;  // as FeatureBlock::categorical
    size_t dense = 0;         // floats of a row of FeatureBlock::dense
    friend bool operator==(const SideShape&, const SideShape&) = default;
  };
  std::vector<Table> tables;
  SideShape query, impression;
  // Index of the table of this name; tables.size() when there is none.
  size_t Find(std::string_view table) const;
  friend bool operator==(const ModelShape&, const ModelShape&) = default;

  // Sections shape.{tables,rows,features,slots,dense}.
  Status Save(base::SectionWriter& writer) const;
  static Result<ModelShape> Load(const base::SectionFile& file);
};

ModelShape ShapeOf(const FeatureStatistics& tables, Model model);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_MODEL_SHAPE_H_
