#include "serving/bundle_figures.h"

#include "bundle/bundle.h"

namespace upnext::serving {

BundleFigures FiguresOf(const Generation& generation) {
  const bundle::Bundle& bundle = generation.bundle();
  BundleFigures out{.index_items = bundle.index() == nullptr ? 0 : bundle.index()->size(),
                    .part_bytes = {},
                    .prediction_means = bundle.manifest().prediction_means};
  for (const bundle::PartEntry& part : bundle.manifest().parts) {
    out.part_bytes[part.name] = part.bytes;
  }
  return out;
}

}  // namespace upnext::serving
